#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2119,SC2034
# Links are found and hooked without any word from an engine's API: every packet of every container is seen from the very
# first one, before and after a change, and nothing is held on to when a sandbox goes.
cd "$(dirname "$0")/../.." || exit 1
. tests/netns/lib.sh
lab_open pglw

# One that was there before the sensor.
sandbox_add old0000001
leg_add old0000001 10.77.1.1
keeper_start
wait_for 5 grep -q 'watching 2 namespaces' "$T/keeper.log"
ok $? "node and the sandbox that was there are watched at start"
role_count() { stats | awk -v r="$1" '$3 == r' | wc -l; }
is "$(role_count 1)" 1 "its veth is hooked as a container's"
is "$(role_count 2)" 1 "the bridge is known"

# New ones, each sends one datagram the moment it can; ARP goes before it. The hook must have seen every frame that the
# interface counts.
N=${N:-30}
for ((i = 1; i <= N; i++)); do
	name=$(printf 'new%07d' "$i")
	sandbox_add "$name"
	leg_add "$name" "10.77.2.$i"
	in_sandbox "$name" sh -c 'echo x >/dev/udp/10.77.0.1/9' 2>/dev/null || in_sandbox "$name" bash -c 'echo x >/dev/udp/10.77.0.1/9'
done
has_roles() { [ "$(role_count 1)" = "$1" ]; }
wait_for 15 has_roles $((N + 1))
ok $? "all $((N + 1)) veths are hooked"
# The counts of the interfaces before and after those of the hooks are the same: nothing was under way.
rx_of_all() { in_node ip -s -j link show type veth | jq -r '.[] | select(.ifname | startswith("vnew")) | "\(.ifindex) \(.ifname) \(.stats64.rx.packets)"'; }
quiet() {
	rx_of_all >"$T/rx"
	stats >"$T/stats"
	rx_of_all >"$T/rx2"
	cmp -s "$T/rx" "$T/rx2"
}
wait_for 10 quiet
ok $? "the interfaces are quiet"
missed=0 total=0
while read -r idx name rx; do
	seen=$(awk -v i="$idx" '$2 == i && $3 == 1 { print $4 }' "$T/stats")
	total=$((total + rx))
	[ "$rx" = "$seen" ] && [ "$rx" -gt 0 ] || { missed=$((missed + 1)); note "$name: interface counts $rx, hook ${seen:-none}"; }
done <"$T/rx"
is "$missed" 0 "$N new containers: every frame from the first one on is seen ($total frames)"
has_lo() { [ "$(role_count 5)" = "$1" ]; }
wait_for 15 has_lo $((N + 1))
ok $? "lo of all $((N + 1)) sandboxes is hooked"

# A second leg at run time (network connect), and its removal.
in_node sh -c 'ip link add br1 type bridge && ip link set br1 up'
in_node sh -c 'ip link add vsecond type veth peer name psecond && ip link set vsecond master br1 && ip link set psecond netns "$1" &&
	ip link set vsecond up && nsenter --net="$1" ip link set psecond name eth1' sh "$(sandbox_file old0000001)"
wait_for 5 has_roles $((N + 2))
ok $? "a second leg is hooked when it is connected"
in_node ip link del vsecond
wait_for 5 has_roles $((N + 1))
ok $? "and forgotten when it is gone"

# An overlay's sandbox: bridge, vxlan with its VNI, a veth.
sandbox_add 1-abcdefghij
in_sandbox 1-abcdefghij sh -c 'ip link add br0 type bridge && ip link add vxlan0 type vxlan id 4097 dstport 4789 dev lo local 127.0.0.1 &&
	ip link set vxlan0 master br0 && ip link set br0 up && ip link set vxlan0 up && ip link add veth0 type veth peer name ve1 &&
	ip link set veth0 master br0 && ip link set veth0 up'
wait_for 5 sh -c "'$B/tests/helpers/if_stats' '$T/run/bpf' | awk '\$3 == 3' | grep -q ."
ok $? "vxlan0 of an overlay's sandbox is hooked"
wait_for 5 has_roles $((N + 2))
ok $? "the veth beside it too"
sandbox_del 1-abcdefghij

# An uplink: a veth without a master that has an address.
in_node sh -c 'ip link add up0 type veth peer name up1 && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up'
wait_for 5 sh -c "'$B/tests/helpers/if_stats' '$T/run/bpf' | awk '\$3 == 4' | grep -q ."
ok $? "an interface with an address becomes an uplink"

# Gone: nothing is kept alive.
fds_before=$(count_fds)
for ((i = 1; i <= N; i++)); do sandbox_del "$(printf 'new%07d' "$i")"; done
wait_for 5 has_roles 1
ok $? "removed containers are forgotten"
fds_after=$(count_fds)
note "descriptors of the keeper: $fds_before with $N containers more, $fds_after after"
[ "$fds_after" -le $((fds_before - 3 * N)) ]
ok $? "their namespaces are let go"
# Unmounted, but the file still there, as engines leave it for a minute.
sandbox_add lazy000001
leg_add lazy000001 10.77.3.1
wait_for 5 has_roles 2
fds_before=$(count_fds)
in_node sh -c 'umount "$1"' sh "$(sandbox_file lazy000001)"
gone() { [ "$(count_fds)" -lt "$fds_before" ]; }
wait_for 2 gone
ok $? "a sandbox that is unmounted is let go although its file stays"
wait_for 5 has_roles 1
ok $? "and its veth has ended with it"

old_idx=$(if_index vold0000001)
hooks_on() { echo $(($(in_node "$B/tests/helpers/if_stats" --tcx "$old_idx") + $(in_node tc filter show dev vold0000001 ingress | grep -c .))); }
[ "$(hooks_on)" -gt 0 ]
ok $? "the living veth has hooks"
keeper_stop
is $? 0 "orderly stop ends with 0"
is "$(find "$T/run" -mindepth 1)" "" "and leaves nothing in the run directory"
is "$(hooks_on)" 0 "and no hook on the living veth"
plan_done
