#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is really spoken: servers and clients of the protocols in protocols/table, on a bridge and on an overlay of two nodes, each
# normal and (TCP) in segments of one byte (protocols/relay.py), on the bridge also over IPv6. In every form at least 95 % must be
# labelled, and no label may be wrong. (IPv6 on overlays does not work in this engine.)
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

here=$(cd "$(dirname "$0")/protocols" && pwd)
table=$here/table
server4=172.28.0.10 server6=fd61::10 server_overlay=10.52.0.10
run() {
	local engine=$1
	shift
	lab_docker "$engine" run -d -v "$here:/protocols:ro" --name "$@" >/dev/null || lab_fail "docker run $*"
}

lab_swarm a b
lab_image a pg-protocols &
lab_image b pg-protocols &
wait
lab_docker a network create --ipv6 --subnet 172.28.0.0/16 --subnet fd61::/64 six >/dev/null
lab_docker a network create -d overlay --attachable --subnet 10.52.0.0/24 blue >/dev/null
lab_docker a create -v "$here:/protocols:ro" --name servers --network six --ip "$server4" --ip6 "$server6" pg-protocols \
	/protocols/servers.sh >/dev/null || lab_fail "docker create"
lab_docker a network connect --ip "$server_overlay" blue servers
lab_docker a start servers >/dev/null || lab_fail "docker start"
run a desk --network six pg-protocols sleep infinity
run a slowdesk --network six pg-protocols python3 /protocols/relay.py near /protocols/table "$server4"
run b farthing --network blue pg-protocols sleep infinity
run b farslow --network blue pg-protocols python3 /protocols/relay.py near /protocols/table "$server_overlay"
# each segment is answered at once, so that none waits until others join it
quick() {
	# shellcheck disable=SC2016 # for the inner shell
	nsenter --net -t "$(lab_docker "$1" inspect -f '{{.State.Pid}}' "$2")" sh -c '
		ip -4 route show scope link | while read -r route; do ip route change $route quickack 1 || exit 1; done'
}
ok "segments are answered at once" eval 'quick a servers && quick a slowdesk && quick b farslow'
sensor_start both "$(lab_socket a),$(lab_socket b)"

# What listens by its number in hexadecimal, without asking it anything.
listening() {
	local name transport port rest pid missing='' have
	pid=$(lab_docker a inspect -f '{{.State.Pid}}' servers)
	have=$(nsenter --net -t "$pid" ss -H -lntu | awk '{ n = $5; sub(/.*:/, "", n); print $1, n }')
	while read -r name transport port rest; do
		[ "$name" = "#" ] || grep -qx "$transport $port" <<<"$have" || missing+=" $name"
	done <"$table"
	[ -z "$missing" ] || { echo "does not listen:$missing"; lab_docker a exec servers sh -c "cd /tmp/log && tail -n 3 $missing 2>/dev/null"; return 1; }
}
ok "every server listens" until_true 40 listening

# talk CONTAINER-ENGINE CONTAINER HOST [relay]: into the file of that container and host
talk() {
	local engine=$1 container=$2
	shift 2
	lab_docker "$engine" exec "$container" python3 /protocols/clients.py /protocols/table "$@" >"$LAB_DIR/talk.$container.$1" 2>&1
}
talk a desk "$server4"
talk b farthing "$server_overlay" &
talk a desk "$server6" &
wait
talk a slowdesk - relay &
talk b farslow - relay &
wait
talked() {
	local bad
	bad=$(grep -hv '^ok ' "$LAB_DIR"/talk.*)
	[ -z "$bad" ] || { echo "$bad"; return 1; }
}
ok "the conversations themselves work" talked

# form CONTAINER SERVER-ADDRESS NAME: its column of the table, of flows as the sensor tells them
sleep 3 # the inspector gives a flow that it does not know its time
all_flows() {
	{ sensor both flows --json --limit 20000; sensor both flows --history --json --limit 20000; } |
		jq -cs '[.. | objects | select(has("sport") and has("dport")) | {c: .client.container, dst, dport, l4, app, how: .app_confidence,
			packets: (.packets_to_server + .packets_to_client), bytes: (.bytes_to_server + .bytes_to_client)}] | unique'
}
all_flows >"$LAB_DIR/flows"
judge() { python3 "$here/judge.py" "$table" "$LAB_DIR/flows" "$@"; }
forms=("bridge desk $server4" "IPv6 desk $server6" "bytewise slowdesk $server4 relay" "overlay farthing $server_overlay"
	"bytewise-overlay farslow $server_overlay relay")
judge "${forms[@]}" >"$LAB_DIR/verdict"
sed -n '/^# /p' "$LAB_DIR/verdict"
single() { grep -qx 'payload-per-packet-is-small 1 1 0' "$LAB_DIR/verdict"; }
ok "what went through the relays went byte by byte" single
while read -r form good of wrong; do
	enough() { [ $((good * 100)) -ge $((of * 95)) ] || { echo "$good of $of"; return 1; }; }
	ok "$form: at least 95 % labelled ($good of $of)" enough
	ok "$form: no label is wrong" [ "$wrong" = 0 ]
done < <(grep -v '^#\|^payload' "$LAB_DIR/verdict")
ok "every form was judged" [ "$(grep -cv '^#\|^payload' "$LAB_DIR/verdict")" = "${#forms[@]}" ]
none_lost() {
	sensor both status --json | jq -es '[.. | objects | select(has("loss")) | .loss | to_entries[] | select(.value > 0 and
		(.key | test("sample|inspector|labels")))] | if length == 0 then true else (tostring | error) end'
}
ok "no sample and no label was lost" none_lost
[ -z "${PROTOCOLS_KEEP:-}" ] || sleep "$PROTOCOLS_KEEP" # for a look around
sensor_stop both
docker_end
