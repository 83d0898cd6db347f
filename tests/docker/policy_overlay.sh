#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Policy on a two-node overlay (one sensor on both engines), and on an engine that makes no iptables rules (--iptables=false, where
# bridged packets pass no inet hook): learned clients are served, strangers are not, on the same node and across.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

run() {
	local engine=$1
	shift
	lab_docker "$engine" run -d --name "$@" >/dev/null || lab_fail "docker run $*"
}
addr() { lab_docker "$1" inspect -f "{{(index .NetworkSettings.Networks \"$3\").IPAddress}}" "$2"; }
asks() { timeout 4 nsenter --net="/proc/$(lab_docker "$1" inspect -f '{{.State.Pid}}' "$2")/ns/net" "$LAB_BUILD/tests/helpers/lab_traffic" send tcp "$3" "$4" 64 2>&1; }
served() { asks "$@" >/dev/null; }
not_served() { ! served "$@"; }
refused() { asks "$@" | grep -q refused; }
in_force() { sensor "$1" policy show --json | jq -es '.[0].namespaces | length > 0 and all(.in_force)' >/dev/null; }
learned() { sensor "$1" model list --json | jq -es --arg w "$2" '.[0] | any(.workload == $w and ([.dimensions[] | select(.dimension | startswith("edge")) | .state] | all(. == "monitoring")))' >/dev/null; }
conf() {
	mkdir -p "$LAB_DIR/sensor-$1"
	printf 'node: %s\nlearning:\n  window_seconds: 1\n  windows: 3\n  requests: 0\n' "$1" >"$LAB_DIR/sensor-$1/config.yaml"
}
svc() { printf '%s com.docker.compose.project=shop --label com.docker.compose.service=%s' --label "$1"; }

lab_swarm a b
lab_image a pg-tiny
lab_image b pg-tiny
lab_docker a network create -d overlay --attachable --subnet 10.50.0.0/24 blue >/dev/null
# shellcheck disable=SC2046
run a web --network blue $(svc web) pg-tiny /bin/server echo 7000
# shellcheck disable=SC2046
run a app --network blue $(svc app) pg-tiny /bin/server sleep
# shellcheck disable=SC2046
run a stranger --network blue $(svc stranger) pg-tiny /bin/server sleep
# shellcheck disable=SC2046
run b far --network blue $(svc far) pg-tiny /bin/server sleep
# shellcheck disable=SC2046
run b farstranger --network blue $(svc farstranger) pg-tiny /bin/server sleep
# shellcheck disable=SC2046
run b farweb --network blue $(svc farweb) pg-tiny /bin/server echo 7001
W=$(addr a web blue) F=$(addr b farweb blue)
conf s
sensor_start s "$(lab_socket a),$(lab_socket b)"
for _ in 1 2 3; do
	served a app "$W" 7000
	served b far "$W" 7000
	served a web "$F" 7001
	sleep 0.5
done
ok "overlay: edges are learned" until_true 40 learned s shop/web
ok "overlay: enforce" sensor s policy enforce shop/web
ok "overlay: it is in force" until_true 8 in_force s
sensor s policy show | sed 's/^/# /'
ok "overlay: a learned client on the same node is served" served a app "$W" 7000
ok "overlay: a learned client on the other node is served" served b far "$W" 7000
ok "overlay: a stranger on the same node is refused" refused a stranger "$W" 7000
ok "overlay: a stranger on the other node is refused" not_served b farstranger "$W" 7000
ok "overlay: a learned destination on the other node is reached" served a web "$F" 7001
ok "overlay: another one is not" not_served a web "$(addr b far blue)" 7002
ok "overlay: others are not touched" served b farstranger "$F" 7001
# All programs killed, and nobody starts them again (seen to its end below): what fails open is open within a minute, what fails closed is not.
ok "overlay: enforce, failing closed" sensor s policy enforce shop/farweb --on-failure closed
ok "overlay: in force" until_true 8 in_force s
ok "overlay: it refuses" not_served b farstranger "$F" 7001
# shellcheck disable=SC2046
kill -KILL $(sensor_pids s)
KILLED=$SECONDS
ok "all programs killed: a learned client is served" served b far "$W" 7000
ok "all programs killed: a stranger is not yet" refused a stranger "$W" 7000

# -- an engine that makes no rules
LAB_DOCKERD_ARGS=--iptables=false lab_engine_start c
lab_image c pg-tiny
lab_in c sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null
lab_docker c network create --subnet 172.30.0.0/24 plain >/dev/null
# shellcheck disable=SC2046
run c web3 --network plain $(svc web3) pg-tiny /bin/server echo 7000
# shellcheck disable=SC2046
run c app3 --network plain $(svc app3) pg-tiny /bin/server sleep
# shellcheck disable=SC2046
run c stranger3 --network plain $(svc stranger3) pg-tiny /bin/server sleep
P=$(addr c web3 plain)
conf c
sensor_start c "$(lab_socket c)"
for _ in 1 2 3; do
	served c app3 "$P" 7000
	sleep 0.5
done
ok "no iptables: edges are learned" until_true 40 learned c shop/web3
ok "no iptables: enforce" sensor c policy enforce shop/web3
ok "no iptables: it is in force" until_true 8 in_force c
sensor c policy show | sed 's/^/# /'
ok "no iptables: a learned client is served" served c app3 "$P" 7000
ok "no iptables: a stranger is not" not_served c stranger3 "$P" 7000
ok "no iptables: a new destination is not reached" not_served c web3 "$(addr c app3 plain)" 7003
ok "no iptables: off leaves nothing" sh -c "$LAB_BUILD/pierglass --run $LAB_DIR/sensor-c/run policy off && ! nsenter --net=/run/netns/$(lab_ns c) nft list tables | grep pierglass"

# -- a minute after the programs were killed
sandbox() { # ENGINE: tables of ours in its overlay's namespace
	lab_sandbox "$1" "1-$(lab_docker "$1" network inspect -f '{{.Id}}' blue | cut -c1-10)" nft list tables | grep -c 'inet pierglass$'
}
ok "killed: what fails open is open within 60 s" until_true $((KILLED + 62 - SECONDS)) served a stranger "$W" 7000
echo "# $((SECONDS - KILLED)) s after the kill"
ok "killed: what fails closed stays refused" not_served b farstranger "$F" 7001
ok "killed: one own table is left in each namespace" test "$(sandbox a) $(sandbox b)" = "1 1"
ok "killed: one command removes them" "$LAB_BUILD/pierglass" policy off --all
ok "killed: none is left" test "$(sandbox a) $(sandbox b)" = "0 0"
ok "killed: everybody is served" served b farstranger "$F" 7001
docker_end
