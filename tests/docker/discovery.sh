#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Discovery alone (engine broker and docker_client, without the rest of the sensor) on a real engine: containers that
# live for the time of a `true` are seen alive; engine, broker and event stream may end at any time.
set -u
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/docker/lib.sh
. ./lib.sh

SHORT=${SHORT:-50}

discovery_begin
lab_engine_start a
discovery_image a

mkfifo "$LAB_DIR/commands"
exec 9<>"$LAB_DIR/commands"
discovery_watch "$(lab_socket a)" <"$LAB_DIR/commands"

said_times() { [ "$(grep -Ec -- "$2" "$OUT")" -ge "$1" ]; }
short_id() { lab_docker a inspect -f '{{slice .Id 0 12}}' "$1"; }
address() { lab_docker a inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }

lab_docker a run -d --name before --label com.docker.compose.project=shop --label com.docker.compose.service=web \
	-p 127.0.0.1:18080:80 pg-bb sleep 1000 >/dev/null
ok "the engine is reached and listed" until_true 10 said '^[0-9.]+ resync-end e0'
ok "a container with compose labels and a published port" \
	until_true 5 said "name=before state=running pid=[1-9].*bridge=$(address before bridge),.* compose=shop/web .*ports=1"

# ---- short containers: each must be reported with its sandbox and address. Nearly all are inspected while they run; where
# the engine lets its own clean-up pass first, the network's record gave the address and the corpse the sandbox.
seen_all() {
	local i missing='' alive=0
	for ((i = 1; i <= SHORT; i++)); do
		grep -Eq "name=$1-$i state=(running|exited|removed) .*sandbox=[0-9a-f]{12} nets=$2=[0-9]+\.[0-9.]+," "$OUT" || missing+=" $i"
		grep -Eq "name=$1-$i state=running pid=[1-9]" "$OUT" && alive=$((alive + 1))
	done
	echo "# $1: $alive of $SHORT inspected while they ran" >&3
	[ -z "$missing" ] || { echo "not seen:$missing"; return 1; }
	[ "$alive" -ge $((SHORT / 2)) ]
}
exec 3>&1
for ((i = 1; i <= SHORT; i++)); do lab_docker a run --rm --name "one-$i" pg-bb true; done
ok "$SHORT containers that only run true, one after the other" until_true 5 seen_all one bridge

lab_docker a network create net1 >/dev/null
# eight at a time, as a busy node does
seq 1 "$SHORT" | xargs -P 8 -I N "$LAB_DOCKER" -H "unix://$(lab_socket a)" run --rm --name eight-N --network net1 pg-bb true
ok "$SHORT such containers, eight at a time, on a network of their own" until_true 5 seen_all eight net1
ok "all of them are reported gone" until_true 5 said_times $((2 * SHORT)) '^[0-9.]+ gone e0'

# ---- changes of a running container
lab_docker a network connect net1 before
ok "network connect" until_true 5 said "name=before state=running .*bridge=$(address before bridge),.*net1=$(address before net1),"
lab_docker a rename before after
ok "rename" until_true 5 said "name=after state=running"
lab_docker a pause after >/dev/null
ok "pause" until_true 5 said "name=after state=paused"
lab_docker a unpause after >/dev/null
lab_docker a network disconnect net1 after
last_is_off_net1() { grep 'name=after ' "$OUT" | tail -1 | grep 'state=running' | grep -qv 'net1='; }
ok "network disconnect" until_true 5 last_is_off_net1
lab_docker a run -d --name shared --network container:after pg-bb sleep 1000 >/dev/null
ok "a shared network namespace" until_true 5 said "name=shared state=running .*mode=container:$(lab_docker a inspect -f '{{.Id}}' after)"
lab_docker a run -d --name onhost --network host pg-bb sleep 1000 >/dev/null
ok "host network" until_true 5 said 'name=onhost state=running .*sandbox=default .*mode=host'
lab_docker a stop -t 0 onhost >/dev/null
ok "a stopped container is gone" until_true 5 said "gone e0 $(short_id onhost)"
lab_docker a start onhost >/dev/null
ok "and comes back when started again" until_true 5 said_times 2 "e0 $(short_id onhost) name=onhost state=running"
# (an engine now and then keeps the endpoint of a container that was gone at once)
net1_is_removed() {
	local left
	for left in $(lab_docker a network inspect -f '{{range .Containers}}{{.Name}} {{end}}' net1); do
		lab_docker a network disconnect -f net1 "$left"
	done
	lab_docker a network rm net1
}
ok "the engine removes a network" until_true 20 net1_is_removed
ok "a removed network" until_true 5 said 'network-gone e0'

# ---- the broker dies, the engine restarts
N=$(grep -c 'resync-end' "$OUT")
echo kill-broker >&9
sleep 0.1
lab_docker a run --rm --name during pg-bb true
lab_docker a run -d --name behind pg-bb sleep 1000 >/dev/null
ok "a broker that was killed is replaced, and the gap counted" until_true 10 said_times $((N + 1)) 'resync-end'
ok "what was started meanwhile is found" until_true 5 said 'name=behind state=running'
ok "the gap is counted" said 'lost e0 gap [1-9]'
lab_engine_restart a
ok "the engine is found again after its restart" until_true 20 said_times $((N + 2)) 'resync-end'
lab_docker a run --rm --name again pg-bb true
ok "and short containers are seen as before" until_true 5 said 'name=again state=running pid=[1-9].*bridge=[0-9]+\.'

echo stats >&9
ok "nothing came too late, no request failed but those of the restart" until_true 5 said 'stats e0 state=live .*late=0 .*in_flight=0 queued=0'
kill -TERM "$WATCH_PID"
ok "the broker ends with its keeper" until_true 5 said 'broker ended: status 0'
docker_end
