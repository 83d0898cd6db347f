#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two engines in a Swarm, an overlay network over real VXLAN: the edges cross the nodes and both ends have names, seen by a
# sensor on each node and by one sensor on both. A service of two replicas (dnsrr: there is no IPVS here) is one workload.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

run() {
	local engine=$1
	shift
	lab_docker "$engine" run -d --name "$@" >/dev/null || lab_fail "docker run $*"
}
answers() { "$@" >/dev/null 2>&1; }
in_a() { lab_docker a exec "$@"; }
in_b() { lab_docker b exec "$@"; }

lab_swarm a b
lab_image a pg-many pg-db pg-tiny
lab_image b pg-many pg-web pg-tiny
lab_docker a network create -d overlay --attachable --subnet 10.50.0.0/24 blue >/dev/null
lab_docker a network create -d overlay --attachable --subnet 10.51.0.0/24 green >/dev/null

# -- servers on one node, clients on the other; the first network is there before the sensors, the second comes after
run a mariadb --network blue pg-db
run a redis --network blue pg-many redis-server --bind 0.0.0.0 --protected-mode no --save ''
run a echo --network blue --ip 10.50.0.77 pg-tiny /bin/server echo 7000
run b apache --network blue pg-web
run b desk --network blue pg-many sleep infinity
run b steady --network blue pg-tiny /bin/client tick 10.50.0.77 7000 900 100
run a adesk --network blue pg-many sleep infinity
lab_docker a service create -q --detach --name shop --network blue --replicas 2 --replicas-max-per-node 1 --endpoint-mode dnsrr \
	--no-resolve-image pg-many nginx -g 'daemon off;' >/dev/null 2>&1
two_replicas() {
	[ "$(lab_docker a ps -q --filter label=com.docker.swarm.service.name=shop | wc -l)" = 1 ] &&
		[ "$(lab_docker b ps -q --filter label=com.docker.swarm.service.name=shop | wc -l)" = 1 ]
}
until_true 30 two_replicas || lab_fail "the service does not come up"
until_true 20 answers in_b desk mariadb -h mariadb -u wordpress -pwordpress -e 'select 1' wordpress

sensor_start a "$(lab_socket a)"
sensor_start b "$(lab_socket b)"
pass "a sensor on each node"
ok "each knows its node's containers" eval 'until_true 10 sensor_knows_all a a && until_true 10 sensor_knows_all b b'

run a pg --network green pg-many start-postgres
run b greendesk --network green pg-many sleep infinity
until_true 20 answers in_b greendesk psql -qh pg -U postgres -c 'select 1'
shops() { in_b desk dig +short shop | sort; }
until_true 10 eval '[ "$(shops | wc -l)" = 2 ]'

do_() {
	local out
	out=$("$@" 2>&1 </dev/null) || { printf 'failed: %s\n%s\n' "$*" "$out"; bad=1; }
}
traffic() {
	local bad=0 replica
	do_ in_b desk mariadb -h mariadb -u wordpress -pwordpress -e 'show tables' wordpress
	do_ in_b desk redis-cli -h redis set a b
	do_ in_a adesk curl -sf http://apache/
	for replica in $(shops); do
		do_ in_b desk curl -sf "http://$replica/"
	done
	do_ in_b greendesk psql -qh pg -U postgres -c 'select 1'
	return "$bad"
}
ok "the traffic itself works" traffic

pg=/usr/lib/postgresql/15/bin
# What each sensor must see: on the client's node the client's program is known, on the server's the server's.
expect_edges a "overlay, sensor on the servers' node" 15 <<EDGES
desk      mariadb   tcp 3306  MySQL        -                     /usr/sbin/mariadbd
desk      redis     tcp 6379  Redis        -                     /usr/bin/redis-*
adesk     apache    tcp 80    HTTP         /usr/bin/curl         -
desk      *shop*    tcp 80    HTTP         *                     /usr/sbin/nginx
greendesk pg        tcp 5432  PostgreSQL   -                     $pg/postgres
steady    echo      tcp 7000  *            -                     /bin/server
EDGES
expect_edges b "overlay, sensor on the clients' node" 15 <<EDGES
desk      mariadb   tcp 3306  MySQL        /usr/bin/mariadb      -
desk      redis     tcp 6379  Redis        /usr/bin/redis-cli    -
adesk     apache    tcp 80    HTTP         -                     /usr/sbin/apache2
desk      *shop*    tcp 80    HTTP         /usr/bin/curl         /usr/sbin/nginx
greendesk pg        tcp 5432  PostgreSQL   $pg/psql              -
steady    echo      tcp 7000  *            /bin/client           -
EDGES
one_shop() { [ "$(sensor "$1" map --json | jq -s '[.. | objects | select(has("kind") and has("containers")) | select(.id | contains("shop"))] | length')" = 1 ]; }
ok "the service's replicas are one workload (node a)" one_shop a
ok "the service's replicas are one workload (node b)" one_shop b
vni() { sensor b flows --history --json | jq -es '[.. | objects | select(has("dport") and .dport == 3306)] | any(.[]; .vni >= 4096)' ; }
ok "an overlay flow says its VNI" vni
attached() {
	local net id
	for net in blue green; do
		id=$(lab_docker "$1" network inspect -f '{{.Id}}' "$net")
		sensor "$1" status --json | jq -es --arg n "1-${id:0:10}" '[.. | objects | select(.namespace? == $n and .how != "none")] |
			any(.kind == "vxlan") and any(.kind == "veth")' >/dev/null || { echo "$net: no hook on its vxlan or veth"; return 1; }
	done
}
ok "hooks on vxlan and veths of both overlays (node a)" attached a
ok "hooks on vxlan and veths of both overlays (node b)" attached b
sensor_stop a
sensor_stop b

# -- one sensor on both engines: both ends are local, both programs known, nothing counted twice
sensor_start both "$(lab_socket a),$(lab_socket b)"
ok "one sensor knows the containers of both engines" until_true 10 sensor_knows_all both a b
ok "the traffic itself works again" traffic
expect_edges both "overlay, one sensor on both nodes" 15 <<EDGES
desk      mariadb   tcp 3306  MySQL        /usr/bin/mariadb      /usr/sbin/mariadbd
desk      redis     tcp 6379  Redis        /usr/bin/redis-cli    /usr/bin/redis-*
adesk     apache    tcp 80    HTTP         /usr/bin/curl         /usr/sbin/apache2
desk      *shop*    tcp 80    HTTP         /usr/bin/curl         /usr/sbin/nginx
greendesk pg        tcp 5432  PostgreSQL   $pg/psql              $pg/postgres
steady    echo      tcp 7000  *            /bin/client           /bin/server
EDGES
once() {
	run b sender --network blue pg-tiny
	run a sink --network blue --ip 10.50.0.78 pg-tiny /bin/server sink udp 9000
	sleep 1
	in_b sender /bin/client send udp 10.50.0.78 9000 500 200 >/dev/null
	until_true 10 eval 'sensor both map --json | jq -es "[.. | objects | select(.port? == 9000 and has(\"flows\"))] | length == 1 and .[0].packets_to_server == 500 and .[0].bytes_to_server == 500 * 242"'
}
ok "a packet over the overlay is counted once" once
sensor_stop both
docker_end
