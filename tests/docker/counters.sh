#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Exact counters: bytes and packets of a flow are what the program sent and what the interface counted; and the ledger's
# balance holds: seen = counted + every loss by its cause.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

lab_engine_start a
lab_image a pg-tiny
lab_docker a network create --ipv6 --subnet 172.29.0.0/24 --subnet fd60::/64 six >/dev/null
lab_docker a run -d --name udpsink --network six --ip 172.29.0.10 --ip6 fd60::10 pg-tiny /bin/server sink udp 9000 >/dev/null
lab_docker a run -d --name sink --network six --ip 172.29.0.11 --ip6 fd60::11 pg-tiny /bin/server sink tcp 9001 100000 >/dev/null
lab_docker a run -d --name sender --network six --ip 172.29.0.20 --ip6 fd60::20 pg-tiny >/dev/null
pid_of() { lab_docker a inspect -f '{{.State.Pid}}' "$1"; }
inside() { nsenter --net -t "$(pid_of "$1")" "${@:2}"; }
# (not from /sys: that is the namespace's which mounted it)
mac_of() { inside "$1" ip -j link show dev eth0 | jq -r '.[0].address'; }
# neighbours are known, so that only the flow's own packets cross the interface
for pair in "sender udpsink 10" "sender sink 11" "udpsink sender 20" "sink sender 20"; do
	read -r c peer last <<<"$pair"
	inside "$c" ip neigh replace "172.29.0.$last" lladdr "$(mac_of "$peer")" dev eth0 nud permanent
	inside "$c" ip neigh replace "fd60::$last" lladdr "$(mac_of "$peer")" dev eth0 nud permanent
done
# an option that comes and goes would make headers of unknown length
for c in sender sink; do
	inside "$c" sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_sack'
done
# nor what interfaces send on their own: router solicitations (for ever), group reports (a few)
for c in udpsink sink sender; do
	inside "$c" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/router_solicitations'
done
sleep 4

sensor_start s "$(lab_socket a)"
ok "the containers are known" until_true 10 sensor_knows_all s a

tx() { inside "$1" ip -s -j link show dev eth0 | jq ".[0].stats64.tx.$2"; }
send() { lab_docker a exec sender /bin/client send "$@" >/dev/null; }
# totals DST PORT: "packets_to_server bytes_to_server packets_to_client bytes_to_client" over the flows to that address
totals() {
	{ sensor s flows --json --limit 1000; sensor s flows --history --json --limit 1000; } |
		jq -rs --arg d "$1" --argjson p "$2" '[.. | objects | select(.dst? == $d and .dport? == $p)] | unique_by([.src, .sport])
		| [map(.packets_to_server), map(.bytes_to_server), map(.packets_to_client), map(.bytes_to_client)] | map(add // 0) | map(tostring) | join(" ")'
}
is() { # WHAT HAVE WANT
	[ "$2" = "$3" ] || { echo "$1: have $2, want $3"; return 1; }
}
# by both ends
retransmitted() { for c in sender sink; do inside "$c" awk '/^Tcp:/ { n = $13 } END { print n }' /proc/net/snmp; done | awk '{ n += $1 } END { print n }'; }

# -- UDP: what the program sent is what is counted, to the packet and the byte
udp_exact() { # ADDRESS HEADER
	local bp bb p b
	bp=$(tx sender packets) bb=$(tx sender bytes)
	send udp "$1" 9000 5000 400 || return 1
	p=$(($(tx sender packets) - bp)) b=$(($(tx sender bytes) - bb))
	is "interface packets" "$p" 5000 && is "interface bytes" "$b" $((5000 * (400 + $2))) || return 1
	until_true 5 eval 'is "flow (packets bytes, to server and back)" "$(totals '"$1"' 9000)" "5000 $((5000 * (400 + '"$2"'))) 0 0"'
}
ok "UDP: 5000 datagrams of 400 bytes, over IPv4" udp_exact 172.29.0.10 42
ok "UDP: 5000 datagrams of 400 bytes, over IPv6" udp_exact fd60::10 62

# -- TCP with segmentation offload: payload = bytes - headers, a header for each segment; a SYN is 8 bytes longer
# What is sent again is counted again, as it must be, and says nothing of payload: then the transfer is made once more.
tcp_payload() { # ADDRESS HEADER BYTES
	local before p b rp rb op ob orp orb t try
	for try in 1 2 3 4 5; do
		read -r op ob orp orb <<<"$(totals "$1" 9001)"
		before=$(retransmitted)
		send tcp "$1" 9001 "$3" || return 1
		sleep 1
		t=$(totals "$1" 9001)
		is "retransmitted (attempt $try)" "$(retransmitted)" "$before" && break
	done
	is retransmitted "$(retransmitted)" "$before" || return 1
	read -r p b rp rb <<<"$t"
	echo "flow: $t, before $op $ob $orp $orb"
	p=$((p - op)) b=$((b - ob)) rp=$((rp - orp)) rb=$((rb - orb))
	is "payload to the server" $((b - p * $2 - 8)) "$3" && is "payload to the client" $((rb - rp * $2 - 8)) 100000
}
ok "TCP with GSO: 20 MB there and 100 kB back, over IPv4" tcp_payload 172.29.0.11 66 20000000
ok "TCP with GSO: 20 MB there and 100 kB back, over IPv6" tcp_payload fd60::11 86 20000000

# -- TCP without offload: packets and bytes are the interface's, in both directions
tcp_exact() { # ADDRESS
	local before sp sb rp rb
	before=$(totals "$1" 9001)
	sp=$(tx sender packets) sb=$(tx sender bytes) rp=$(tx sink packets) rb=$(tx sink bytes)
	send tcp "$1" 9001 3000000 || return 1
	sleep 0.5
	set -- "$1" $(($(tx sender packets) - sp)) $(($(tx sender bytes) - sb)) $(($(tx sink packets) - rp)) $(($(tx sink bytes) - rb))
	until_true 5 grown "$before" "$@"
}
grown() { # BEFORE ADDRESS P B RP RB
	local have=() old=()
	read -ra old <<<"$1"
	read -ra have <<<"$(totals "$2" 9001)"
	is "flow against interface" "$((have[0] - old[0])) $((have[1] - old[1])) $((have[2] - old[2])) $((have[3] - old[3]))" "$3 $4 $5 $6"
}
for c in sender sink; do
	inside "$c" ethtool -K eth0 tso off gso off gro off >/dev/null 2>&1
done
ok "TCP without GSO: the flow's counters are the interfaces', over IPv4" tcp_exact 172.29.0.11
ok "TCP without GSO: the flow's counters are the interfaces', over IPv6" tcp_exact fd60::11

balance() {
	sensor s status --json | jq -es '.[0].counters | (.counted_packets + .not_ip_packets + .malformed_packets + .refused_full_packets
		+ .refused_half_open_packets) as $sum | if .seen_packets == $sum and .counted_packets > 15000 then true
		else (tojson | error) end' >/dev/null
}
ok "the ledger balances: seen = counted + each loss" until_true 3 balance
map_agrees() {
	sensor s map --json | jq -es '[.. | objects | select(has("client") and .port? == 9000)] | (map(.packets_to_server) | add) == 10000
		and (map(.bytes_to_server) | add) == 5000 * (442 + 462)' >/dev/null
}
ok "the map's edges add up to the same" until_true 5 map_agrees
sensor_stop s
docker_end
