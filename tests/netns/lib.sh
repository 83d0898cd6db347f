# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A node without Docker: a process that answers on an engine's socket, in a network and a mount namespace of its own, with
# a directory of sandboxes and a bridge, and the steps in which an engine makes and removes a container's leg.
# Sets T (directory), NODE (network namespace), EPID (the engine's process), KPID (the keeper).

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
B=${B:-$here/build}
tests_n=0
tests_failed=0
ok() { # STATUS NAME
	tests_n=$((tests_n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests_n - $2"
	else
		echo "not ok $tests_n - $2"
		tests_failed=$((tests_failed + 1))
	fi
}
is() { # GOT EXPECTED NAME
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || printf '#   got:      %s\n#   expected: %s\n' "$1" "$2"
}
note() { printf '# %s\n' "$*"; }
plan_done() {
	echo "1..$tests_n"
	exit $((tests_failed != 0))
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local i n=$(($1 * 20))
	shift
	for ((i = 0; i < n; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}

lab_open() { # PREFIX
	P=$1-$$
	T=/tmp/$P
	NODE=$P
	rm -rf "$T"
	mkdir -m 755 "$T" || exit 1
	trap lab_close EXIT
	trap 'exit 130' INT TERM
	engine_start
}

engine_start() {
	ip netns list | grep -qw "^$NODE" || ip netns add "$NODE"
	nsenter --net="/run/netns/$NODE" unshare --mount sh -c '
		mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/docker/netns && exec "$0" "$1"
	' "$B/tests/helpers/fake_engine" "$T/engine.sock" &
	EPID=$!
	wait_for 5 test -S "$T/engine.sock"
	in_node ip link set lo up
	[ -z "${NODE_READY:-}" ] || return 0
	NODE_READY=1
	in_node ip link show br0 >/dev/null 2>&1 || in_node sh -c 'ip link add br0 type bridge && ip addr add 10.77.0.1/16 dev br0 &&
		ip link set br0 up && sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1'
}

in_node() { nsenter --target "$EPID" --net --mount "$@"; }
sandbox_file() { echo "/run/docker/netns/$1"; }
in_sandbox() { # NAME COMMAND...
	local f
	f=$(sandbox_file "$1")
	shift
	nsenter --target "$EPID" --net --mount nsenter --net="$f" "$@"
}

if_index() { in_node ip -j link show dev "$1" | jq '.[0].ifindex'; }
if_rx_packets() { in_node ip -j -s link show dev "$1" | jq '.[0].stats64.rx.packets'; }

# As libnetwork does it: file, namespace on it; veth pair, master, peer into the sandbox, address, up.
sandbox_add() { # NAME
	in_node sh -c 'touch "$1" && exec unshare --net="$1" sh -c "ip link set lo up; sysctl -qw net.ipv6.conf.all.disable_ipv6=1"' \
		sh "$(sandbox_file "$1")"
}
leg_add() { # NAME ADDRESS [BRIDGE]
	in_node sh -c 'ip link add "v$1" type veth peer name "p$1" && ip link set "v$1" master "$4" &&
		ip link set "p$1" netns "$3" && ip link set "v$1" up &&
		nsenter --net="$3" sh -c "ip link set p$1 name eth0 && ip addr add $2/16 dev eth0 && ip link set eth0 up"' \
		sh "$1" "$2" "$(sandbox_file "$1")" "${3:-br0}"
}
sandbox_del() { # NAME
	in_node sh -c 'ip link del "v$1" 2>/dev/null; umount "$2"; rm -f "$2"' sh "$1" "$(sandbox_file "$1")"
}

# Options are of the caller's choice.
# shellcheck disable=SC2120
keeper_start() { # OPTIONS...
	"$B/pierglassd" --state "$T/state" --run "$T/run" --docker "$T/engine.sock" "$@" >>"$T/keeper.log" 2>&1 &
	KPID=$!
	wait_for 20 grep -q 'watching .* namespaces' "$T/keeper.log"
}
keeper_stop() {
	kill -TERM "$KPID" 2>/dev/null
	wait "$KPID"
}
children_of() { tr ' ' '\n' <"/proc/$1/task/$1/children"; }
count_fds() { find "/proc/$KPID/fd" -type l 2>/dev/null | wc -l; }
# The keeper's child with these words in its command line.
child_pid() { # WORDS
	local p
	for p in $(children_of "$KPID"); do
		case " $(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null)" in *" $1 "*) echo "$p" ;; esac
	done
}
stats() { "$B/tests/helpers/if_stats" "$T/run/bpf"; }

lab_close() {
	local p f
	trap - EXIT
	if [ -n "${KPID:-}" ]; then
		kill -TERM "$KPID" 2>/dev/null
		for ((i = 0; i < 100; i++)); do kill -0 "$KPID" 2>/dev/null || break; sleep 0.05; done
		kill -KILL "$KPID" 2>/dev/null
	fi
	for p in ${LAB_PIDS:-}; do kill -KILL "$p" 2>/dev/null; done
	[ -z "${EPID:-}" ] || { kill -KILL "$EPID" && wait "$EPID"; } 2>/dev/null
	ip netns del "$NODE" 2>/dev/null
	awk -v t="$T/" 'index($2, t) == 1 { print $2 }' /proc/mounts | while read -r f; do umount "$f"; done
	[ -z "${KEEP:-}" ] && rm -rf "$T"
}
