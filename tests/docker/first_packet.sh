#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Containers whose only act is one SYN or one datagram, after which they are gone (--rm): each must be seen and named, on a
# bridge and over an overlay between two nodes. FIRST_PACKET_N=200 containers each.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
n=${FIRST_PACKET_N:-200}

lab_swarm a b
lab_image a pg-tiny
lab_image b pg-tiny
lab_docker a network create --subnet 172.30.0.0/22 front >/dev/null
lab_docker a network create -d overlay --attachable --subnet 10.50.0.0/22 blue >/dev/null
lab_docker a run -d --name wall --network front --ip 172.30.3.200 pg-tiny >/dev/null
lab_docker a run -d --name farwall --network blue --ip 10.50.3.200 pg-tiny >/dev/null
sensor_start s "$(lab_socket a),$(lab_socket b)"
pass "one sensor on both engines"

# stream NAME: everything the sensor says of flows, into a file
stream() {
	sensor s flows -f --json >"$LAB_DIR/$1.stream" 2>"$LAB_DIR/$1.err" &
	stream_pid=$!
	disown "$stream_pid"
	sleep 0.5
}

# burst ENGINE NETWORK PREFIX TARGET: n containers, four at a time; odd ones send a SYN, even ones a datagram
burst() {
	local start=$SECONDS
	export LAB_DOCKER LAB_DIR
	# shellcheck disable=SC2016 # for the inner shell
	seq -w 1 "$n" | xargs -P 4 -I@ bash -c '
		l4=udp; [ $((10#$5 % 2)) = 1 ] && l4=tcp
		"$LAB_DOCKER" -H "unix://$LAB_DIR/$1/docker.sock" run --rm --name "$3$5" --network "$2" pg-tiny \
			/bin/client once "$l4" "$4" 9 || echo "$3$5 failed: $?"' burst "$1" "$2" "$3" "$4" @ >"$LAB_DIR/$3.out" 2>&1
	echo "# $n containers on $2 in $((SECONDS - start)) s" >&2
	! grep -m 5 . "$LAB_DIR/$3.out"
}

# told PREFIX SERVER: in the stream, the containers that were named as clients of SERVER
told() {
	jq -r --arg p "$1" --arg s "$2" 'select(.dport == 9 and .server.container == $s and (.client.container | startswith($p)))
		| .client.container' "$LAB_DIR/$1.stream" 2>/dev/null | sort -u
}
# mapped PREFIX SERVER: on the map, the containers of SERVER's clients
mapped() {
	sensor s map --json | jq -rs --arg p "$1" --arg s "$2" '[.. | objects] |
		(map(select(has("kind") and has("containers")) | {key: .id, value: .containers}) | from_entries) as $c |
		map(select(has("client") and .port? == 9) | select($c[.server] // [] | index($s)) | $c[.client] // [] | .[]) | .[] | select(startswith($p))' | sort -u
}
# all HOW PREFIX SERVER
all() {
	local missing
	missing=$(comm -23 <(seq -w 1 "$n" | sed "s/^/$2/" | sort) <("$1" "$2" "$3"))
	[ -z "$missing" ] || { echo "$(wc -l <<<"$missing") of $n missing: $(head -n 8 <<<"$missing" | tr '\n' ' ')"; unnamed "$2"; return 1; }
}
unnamed() {
	jq -c 'select(.dport == 9 and .client.container == "") | [.event, .src, .client.id, .l4, .node]' "$LAB_DIR/$1.stream" | sort | uniq -c | head -n 5
}
# on the map: as many flows as containers, one packet each
on_map() {
	sensor s map --json | jq -es --arg w "$1" --argjson n "$n" '
		[.. | objects] | (map(select(has("kind") and has("containers"))) | map({key: .id, value: .containers}) | from_entries) as $c |
		map(select(has("client") and .port? == 9) | select($c[.server] // [] | index($w)) | select(($c[.client] // [] | index("firstone")) | not)) |
		if (map(.flows) | add) == $n and (map(.packets_to_server) | add) == $n and all(.[]; .client | startswith("ext:") | not) then true
		else ("flows \(map(.flows) | add) packets \(map(.packets_to_server) | add) clients \(map(.client) | unique | .[:5])" | error) end' >/dev/null
}
programs() {
	jq -r --arg s "$2" --arg p "$1" 'select(.dport == 9 and .server.container == $s and .client.exe == "/bin/client") | .client.container |
		select(startswith($p))' "$LAB_DIR/$1.stream" |
		sort -u | wc -l | grep -qx "$n" || { echo "not every client is attributed to its program"; return 1; }
}

stream near
ok "bridge: $n containers run" burst a front near 172.30.3.200
ok "bridge: each container's only packet is seen and named" until_true 15 all mapped near wall
ok "bridge: the stream of flows told each one's name" until_true 10 all told near wall
ok "bridge: the map has one flow of one packet for each" until_true 10 on_map wall
ok "bridge: each by its program" until_true 5 programs near wall
kill "$stream_pid" 2>/dev/null

# The overlay's namespace on the other node is there only while a container uses it: one packet of the very first one.
stream first
ok "overlay: the first container on its node runs" lab_docker b run --rm --name firstone --network blue pg-tiny /bin/client once tcp 10.50.3.200 9
first_one() { mapped firstone farwall | grep -qx firstone || { unnamed first; return 1; }; }
ok "overlay: its only packet is seen and named" until_true 15 first_one
kill "$stream_pid" 2>/dev/null

# From here on one stays: the engine itself fails now and then when the last one goes while the next one comes.
lab_docker b run -d --name anchor --network blue pg-tiny >/dev/null
stream far
ok "overlay: $n containers run" burst b blue far 10.50.3.200
ok "overlay: each container's only packet is seen and named" until_true 15 all mapped far farwall
ok "overlay: the stream of flows told each one's name" until_true 10 all told far farwall
ok "overlay: the map has one flow of one packet for each" until_true 10 on_map farwall
ok "overlay: each by its program" until_true 5 programs far farwall
kill "$stream_pid" 2>/dev/null
# a new interface's own group reports may be out before its hook is there; they are no container's packet
sensor s status --json | jq -r '"# loss: \(.loss | with_entries(select(.value > 0)))"' >&2
sensor_stop s
docker_end
