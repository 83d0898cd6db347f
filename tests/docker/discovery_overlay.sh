#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Discovery alone on a Swarm of two real engines, one docker_client each: who is on the other node is known by name.
set -u
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/docker/lib.sh
. ./lib.sh

SHORT=${SHORT:-20}

discovery_begin
lab_swarm a b
discovery_image a b
lab_docker a network create -d overlay --attachable ovl >/dev/null
lab_docker a run -d --name first --network ovl pg-bb sleep 1000 >/dev/null

discovery_watch "$(lab_socket a)" "$(lab_socket b)" </dev/null
address() { lab_docker "$1" inspect -f '{{.NetworkSettings.Networks.ovl.IPAddress}}' "$2"; }

ok "both engines are listed" until_true 10 eval "said 'resync-end e0' && said 'resync-end e1'"
ok "the manager is known as one" said 'engine e0 .* swarm=1 manager=1 node=10.199.0.1'
ok "the worker is known as one" said 'engine e1 .* swarm=1 manager=0 node=10.199.0.2'
ok "the overlay with its VNI" said 'network e0 [0-9a-z]+ name=ovl driver=overlay .*vni=[1-9]'
ok "a container that was there before" said "name=first state=running .*sandbox=[0-9a-f]{12} nets=ovl=$(address a first),"

lab_docker b run -d --name far --network ovl pg-bb sleep 1000 >/dev/null
ok "the worker learns the manager's container with the network" \
	until_true 5 said "remote e1 [0-9a-z]+ name=first addr=$(address a first) node=10.199.0.1"
ok "the manager learns the worker's within the time of a refresh" \
	until_true 12 said "remote e0 [0-9a-z]+ name=far addr=$(address b far) node=10.199.0.2"
ok "no container is taken for a remote one on its own node" \
	eval "! said 'remote e0 [0-9a-z]+ name=first ' && ! said 'remote e1 [0-9a-z]+ name=far '"

lab_docker a service create -d --name svc --replicas 2 --endpoint-mode dnsrr --network ovl --no-resolve-image pg-bb sleep 1000 >/dev/null
ok "tasks of a service here carry its name" until_true 20 eval "said 'put e0 .*name=svc\.[12]\..* state=running .*swarm=svc ' \
	&& said 'put e1 .*name=svc\.[12]\..* state=running .*swarm=svc '"
ok "and the task on the other node is named" until_true 12 eval \
	"said 'remote e0 [0-9a-z]+ name=svc\.[12]\.[0-9a-z]+ addr=10\.[0-9.]+ node=10.199.0.2' \
	&& said 'remote e1 [0-9a-z]+ name=svc\.[12]\.[0-9a-z]+ addr=10\.[0-9.]+ node=10.199.0.1'"

seen_all() {
	local i missing=''
	for ((i = 1; i <= SHORT; i++)); do
		grep -Eq "e0 .*name=short-$i state=(running|exited|removed) .*sandbox=[0-9a-f]{12} nets=ovl=10\." "$OUT" || missing+=" $i"
	done
	[ -z "$missing" ] || { echo "not seen:$missing"; return 1; }
}
seq 1 "$SHORT" | xargs -P 3 -I N "$LAB_DOCKER" -H "unix://$(lab_socket a)" run --rm --name short-N --network ovl pg-bb true
ok "$SHORT containers on the overlay that only run true" until_true 5 seen_all

lab_docker a service rm svc >/dev/null
kill -TERM "$WATCH_PID"
ok "the broker ends with its keeper" until_true 5 said 'broker ended: status 0'
docker_end
