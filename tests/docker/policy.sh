#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Policy on real containers: a bridge (IPv4 and IPv6) with learned edges, then enforcement: what was learned goes on, strangers are
# refused in both directions, replicas are known before their first packet matters, holds, other people's nft, and what is left.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

run() { lab_docker a run -d --name "$@" >/dev/null || lab_fail "docker run $*"; }
addr() { lab_docker a inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
addr6() { lab_docker a inspect -f "{{(index .NetworkSettings.Networks \"$2\").GlobalIPv6Address}}" "$1"; }
# asks CONTAINER ADDRESS PORT: one exchange with an echo, within the container's namespaces; says how long it took.
asks() { timeout 4 nsenter --net="/proc/$(lab_docker a inspect -f '{{.State.Pid}}' "$1")/ns/net" "$LAB_BUILD/tests/helpers/lab_traffic" send tcp "$2" "$3" 64 2>&1; }
refused() {
	local out
	out=$(asks "$@") && { echo "was served: $out"; return 1; }
	grep -q 'refused' <<<"$out" || { echo "not refused but: ${out:-timed out}"; return 1; }
}
served() { asks "$@" >/dev/null; }
policy() { sensor a policy "$@"; }
tables() { lab_in a nft list tables | grep -c pierglass; }
no_tables() { [ "$(tables)" = 0 ]; }
rules() { lab_in a nft list table inet pierglass; }
in_force() { policy show --json | jq -es '.[0].namespaces | length > 0 and all(.in_force)' >/dev/null; }
learned() { sensor a model list --json | jq -es --arg w "$1" '.[0] | any(.workload == $w and ([.dimensions[] | select(.dimension | startswith("edge")) | .state] | all(. == "monitoring")))' >/dev/null; }

lab_outside a
lab_engine_start a
lab_image a pg-tiny
lab_docker a network create --ipv6 --subnet 172.30.0.0/24 --subnet fd60::/64 shop >/dev/null
mkdir -p "$LAB_DIR/sensor-a"
printf 'node: a\nlearning:\n  window_seconds: 1\n  windows: 3\n  requests: 0\npolicy:\n  analyst: 172.30.0.99\n' >"$LAB_DIR/sensor-a/config.yaml"
nsenter --net="/run/netns/$(lab_ns outside)" "$LAB_BUILD/tests/helpers/lab_traffic" echo 7100 >/dev/null 2>&1 &
nsenter --net="/run/netns/$(lab_ns outside)" "$LAB_BUILD/tests/helpers/lab_traffic" echo 7101 >/dev/null 2>&1 &
disown -a
label() { printf '%s com.docker.compose.project=shop --label com.docker.compose.service=%s' --label "$1"; }
# shellcheck disable=SC2046
run web --network shop $(label web) pg-tiny /bin/server echo 7000
# shellcheck disable=SC2046
run app --network shop $(label app) pg-tiny /bin/server sleep
# shellcheck disable=SC2046
run stranger --network shop $(label stranger) pg-tiny /bin/server sleep
# shellcheck disable=SC2046
run db --network shop $(label db) pg-tiny /bin/server echo 7002
# shellcheck disable=SC2046
run onhost --network host $(label onhost) pg-tiny /bin/server echo 7005
W=$(addr web shop) W6=$(addr6 web shop) D=$(addr db shop)
sensor_start a "$(lab_socket a)"
ok "containers are known" until_true 10 sensor_knows_all a a
for _ in 1 2 3; do
	served app "$W" 7000
	served app "$W6" 7000
	served web "$D" 7002
	served web 203.0.113.9 7100
	served app 203.0.113.1 7005
	sleep 0.5
done
ok "edges are learned" until_true 30 learned shop/web
ok "of the container on the host network, too" until_true 30 learned shop/onhost
ok "learning and monitoring leave no table" no_tables
ok "an unknown workload is refused with exit 2 or 4" sh -c "! $LAB_BUILD/pierglass --run $LAB_DIR/sensor-a/run policy enforce nobody/here"
policy plan shop/web >"$LAB_DIR/plan" 2>&1
ok "the plan says what is allowed" grep -q 'shop/app may connect to shop/web on tcp/7000 (learned' "$LAB_DIR/plan"
ok "and what of the past it would have refused" grep -q 'recorded connections' "$LAB_DIR/plan"
served stranger "$W" 7000
ok "a stranger's connection is in the plan's past" until_true 5 sh -c "$LAB_BUILD/pierglass --run $LAB_DIR/sensor-a/run policy plan shop/web | grep -q 'shop/stranger to shop/web on tcp/7000'"

# -- enforced
ok "enforce" policy enforce shop/web
ok "it is in force" until_true 5 in_force
policy show | sed 's/^/# /'
ok "a learned client is served (IPv4)" served app "$W" 7000
ok "a learned client is served (IPv6)" served app "$W6" 7000
ok "a stranger is refused (IPv4)" refused stranger "$W" 7000
ok "a stranger is refused (IPv6)" refused stranger "$W6" 7000
ok "a learned client on another port is refused" refused app "$W" 7001
ok "a learned destination is reached" served web "$D" 7002
ok "a new destination is refused" refused web "$(addr app shop)" 7003
ok "a learned destination outside is reached" served web 203.0.113.9 7100
ok "a new port outside is refused" refused web 203.0.113.9 7101
ok "the node reaches it" sh -c "$(declare -f lab_in lab_ns); LAB_ID=$LAB_ID; LAB_DIR=$LAB_DIR; timeout 3 nsenter --net=/run/netns/$(lab_ns a) $LAB_BUILD/tests/helpers/lab_traffic send tcp $W 7000 8 >/dev/null"
ok "others are not touched" served stranger "$D" 7002
verdict_is() { sensor a map --json | jq -es --arg c "$1" --arg v "$2" '.[0].edges | any(.client == $c and .server == "shop/web" and .verdict == $v)' >/dev/null; }
ok "the map says reset" verdict_is shop/stranger reset
ok "the map says allow" verdict_is shop/app allow
ok "connections are counted by edge" until_true 6 sh -c "$LAB_BUILD/pierglass --run $LAB_DIR/sensor-a/run policy show shop/web --json | jq -es '.[0].rules | any(.peer == \"shop/app\" and .connections > 0)'"
ok "refusals are counted" until_true 6 sh -c "$LAB_BUILD/pierglass --run $LAB_DIR/sensor-a/run policy show --json | jq -es '.[0].workloads | any(.workload == \"shop/web\" and .refused_in > 0 and .refused_out > 0)'"

# -- replicas: of a client, of the enforced one; at once
before=$(policy show --json | jq -s '.[0].rulesets')
# shellcheck disable=SC2046
run app2 --network shop $(label app) pg-tiny /bin/server sleep
ok "a new replica of a learned client is served" served app2 "$W" 7000
# shellcheck disable=SC2046
run web2 --network shop $(label web) pg-tiny /bin/server echo 7000
ok "a new replica is enforced" refused stranger "$(addr web2 shop)" 7000
ok "and serves whom it should" served app "$(addr web2 shop)" 7000
ok "that were updates of sets, no new ruleset" test "$(policy show --json | jq -s '.[0].rulesets')" = "$before"

# -- holds
ok "block: the address of a gateway is refused with exit 4" sh -c "$LAB_BUILD/pierglass --run $LAB_DIR/sensor-a/run policy block app 172.30.0.1; [ \$? = 4 ]"
empty() { [ -z "$1" ] || { echo "$1"; return 1; }; }
locked_out=
for a in 172.30.0.1 203.0.113.1 127.0.0.1 0.0.0.0 :: ::1 ::ffff:172.30.0.1 ::ffff:127.0.0.1 fe80::1 fd60::1 224.0.0.1 ff02::1 255.255.255.255 0.0.0.0/0 0.0.0.0/1 128.0.0.0/1 ::/0 \
	$(awk '/^nameserver/ { print $2 }' /etc/resolv.conf); do
	out=$(policy block app "$a" 2>&1) && locked_out+=" $a"
	[ "${#out}" -gt 20 ] || locked_out+=" $a(no reason)"
done
ok "lock-outs are refused, each with a reason: the node, gateways, resolvers, everybody, halves of everybody" empty "$locked_out"
ok "block" policy block app "$D" --for 5s
ok "what is blocked is refused at once" refused app "$D" 7002
ok "others reach it" served web "$D" 7002
ok "it ends by itself" until_true 9 served app "$D" 7002
ok "quarantine" policy quarantine stranger
cut_off() { ! served stranger "$D" 7002; }
ok "in quarantine nothing is reached" cut_off
ok "release" policy release stranger
ok "and everything again" served stranger "$D" 7002

# -- a container on the host network
ok "enforce a container on the host network" policy enforce shop/onhost
until_true 5 in_force
ok "host network: a learned client is served" until_true 5 served app 203.0.113.1 7005
ok "host network: a stranger is refused" until_true 5 refused stranger 203.0.113.1 7005
ok "host network: the node's own ports are not touched" sh -c "$(declare -f lab_in lab_ns); LAB_ID=$LAB_ID; LAB_DIR=$LAB_DIR; timeout 3 nsenter --net=/run/netns/$(lab_ns a) $LAB_BUILD/tests/helpers/lab_traffic send tcp 127.0.0.1 7005 8 >/dev/null"
ok "host network: off" policy monitor shop/onhost

# -- what is under way when it begins: kept, or cut
pid_of() { lab_docker a inspect -f '{{.State.Pid}}' "$1"; }
traffic() { # NAME CONTAINER WORD...
	local name=$1 ct=$2
	shift 2
	nsenter --net="/proc/$(pid_of "$ct")/ns/net" "$LAB_BUILD/tests/helpers/lab_traffic" "$@" >"$LAB_DIR/$name.json" 2>/dev/null &
	echo $! >"$LAB_DIR/$name.pid"
}
ended() { # NAME: ends it; what it said
	kill -TERM "$(cat "$LAB_DIR/$1.pid")" 2>/dev/null
	lab_gone "$(cat "$LAB_DIR/$1.pid")" 60
	cat "$LAB_DIR/$1.json"
}
under_way() { nsenter --net="/proc/$(pid_of stranger)/ns/net" ss -Htn state established dst "$W" | grep -q .; }
no_longer() { ! under_way; }
for how in keep cut; do
	policy monitor shop/web >/dev/null
	until_true 5 served stranger "$W" 7000
	traffic "$how" stranger tick "$W" 7000 30 5
	until_true 5 under_way
	policy enforce shop/web --established "$how" >/dev/null
	until_true 5 in_force
	ok "$how: a new connection is refused" refused stranger "$W" 7000
	if [ "$how" = cut ]; then until_true 5 no_longer; fi
	ended "$how" >/dev/null
	if [ "$how" = keep ]; then
		ok "keep: the stranger's connection goes on" jq -e '.sent > 10 and .failed == 0' "$LAB_DIR/keep.json"
	else
		ok "cut: the stranger's connection ends" jq -e '.failed > 0' "$LAB_DIR/cut.json"
	fi
done
ok "what was allowed is served all the same" served app "$W" 7000

# -- a new sensor (an upgrade of its binaries) under load: 1 kHz on one connection, connections one after the other, one that never may
traffic one app tick "$W" 7000 60 1
traffic many app rush "$W" 7000 60
traffic never stranger rush "$W" 7000 60
for _ in 1 2; do
	sensor_stop a
	sensor_start a "$(lab_socket a)"
	ok "a new sensor takes over" until_true 10 in_force
done
for what in one many; do
	ended "$what" >/dev/null
	ok "two upgrades under load: of $(jq .sent "$LAB_DIR/$what.json") exchanges (${what} connection) none is lost" jq -e '.sent > 100 and .failed == 0' "$LAB_DIR/$what.json"
done
ended never >/dev/null
ok "and of $(jq .failed "$LAB_DIR/never.json") attempts of the stranger's none came through" jq -e '.sent == 0 and .failed > 100' "$LAB_DIR/never.json"

# -- others' hands
tampered() { sensor a alerts --json | jq -es '.[0] | any(.finding == "tamper.ruleset" and (.observed | contains("nft")))' >/dev/null; }
lab_in a nft add table inet foreign
lab_in a nft delete table inet pierglass
t0=$(date +%s%N)
until_true 3 sh -c "nsenter --net=/run/netns/$(lab_ns a) nft list table inet pierglass >/dev/null"
echo "# put right within $((($(date +%s%N) - t0) / 1000000)) ms"
ok "a table that was deleted is there again within a second" test $((($(date +%s%N) - t0) / 1000000)) -lt 1000
ok "that is a finding that names who did it" until_true 5 tampered
ok "a stranger is still refused" refused stranger "$W" 7000
ok "nobody else's table is touched" sh -c "nsenter --net=/run/netns/$(lab_ns a) nft list table inet foreign >/dev/null"
lab_in a nft delete table inet foreign
lab_in a nft flush ruleset
t0=$(date +%s%N)
until_true 3 sh -c "nsenter --net=/run/netns/$(lab_ns a) nft list table inet pierglass >/dev/null"
echo "# after a flush of everything put right within $((($(date +%s%N) - t0) / 1000000)) ms"
ok "a flush of everybody's rules: ours are there again within a second" test $((($(date +%s%N) - t0) / 1000000)) -lt 1000
ok "and hold" refused stranger "$W" 7000

# -- the engine starts again: it writes its rules anew, containers come back with other processes, some with other addresses
lab_engine_restart a
lab_docker a start stranger db app web >/dev/null
W=$(addr web shop) D=$(addr db shop)
ok "the engine started again: a learned client is served" until_true 10 served app "$W" 7000
ok "the engine started again: a stranger is refused" until_true 10 refused stranger "$W" 7000
ok "the engine started again: others are not touched" served stranger "$D" 7002
ok "the engine started again: one table" test "$(tables)" = 1

# -- confirm, off
ok "monitor" policy monitor shop/web
ok "then strangers are served" until_true 5 served stranger "$W" 7000
ok "and no table is left" until_true 5 no_tables
ok "enforce --confirm" policy enforce shop/web --confirm 3s
ok "in force" until_true 5 in_force
ok "refused meanwhile" refused stranger "$W" 7000
ok "unconfirmed, it goes back by itself" until_true 8 no_tables
ok "served again" served stranger "$W" 7000
ok "enforce --confirm again" policy enforce shop/web --confirm 3s
ok "confirm" policy confirm shop/web
sleep 4
ok "confirmed, it stays" refused stranger "$W" 7000

# -- the sensor dies, and comes again
kill -KILL "$(sensor_keeper a)"
lab_gone "$(sensor_keeper a)"
ok "the keeper killed: what it made holds" refused stranger "$W" 7000
ok "and learned ones are served" served app "$W" 7000
sensor_start a "$(lab_socket a)"
ok "a new one takes it over" until_true 10 in_force
ok "one table" test "$(tables)" = 1
ok "as it was" refused stranger "$W" 7000
ok "policy off --all leaves nothing" policy off --all
ok "no table" no_tables
ok "served" served stranger "$W" 7000
# somebody else's table of our name, that nobody but its owner may touch
# shellcheck disable=SC2016 # for the inner shell
lab_in a setsid sh -c 'echo $$ >"$1"; { echo "add table inet pierglass { flags owner; }"; exec sleep 60; } | nft -i >/dev/null 2>&1' sh "$LAB_DIR/owner.pid" &
until_true 5 test -s "$LAB_DIR/owner.pid"
lab_defer "kill -KILL -- -\$(cat $LAB_DIR/owner.pid) 2>/dev/null; true"
owned() { lab_in a nft list tables | grep -q pierglass; }
until_true 5 owned
ok "a table of our name with an owner: enforce" policy enforce shop/web
not_in_force() { sensor a alerts --json | jq -es '.[0] | any(.finding == "loss.blind" and (.observed | contains("not in force")))'; }
ok "that it is not in force is a finding" until_true 10 not_in_force
kill -KILL -- "-$(cat "$LAB_DIR/owner.pid")"
ok "the owner gone, it is in force by itself" until_true 10 in_force
ok "and holds" refused stranger "$W" 7000
ok "off" policy off --all
ok "enforce once more" policy enforce shop/web
until_true 5 in_force
kill -KILL "$(sensor_keeper a)"
lab_gone "$(sensor_keeper a)"
ok "off --all without a sensor" policy off --all
ok "no table, without a sensor" no_tables
docker_end
