# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lab: isolated Docker engines, and around them the networks they live in. To be sourced by a bash script.
#
#   lab_begin                          checks root and tools; makes the lab's directory and cgroup; sets the cleanup trap
#   lab_engine_start NAME              an engine in its own network, mount namespace, cgroup, data root
#   lab_engine_stop NAME | lab_engine_kill NAME | lab_engine_restart NAME
#   lab_docker NAME ARG...             the engine's own client
#   lab_image NAME IMAGE...            root file systems of images.sh, imported into the engine; or "pg-tiny": tests/helpers/lab_traffic as client and server
#   lab_wire                           a namespace with one bridge that joins engines (no default route anywhere)
#   lab_plug NAME DEVICE ADDR/LEN...   a veth from NAME's namespace to the wire
#   lab_outside NAME                   a namespace "outside" on the wire of engine NAME: 203.0.113.1 is the engine's end,
#                                      203.0.113.9 and 2001:db8:113::9 the stranger's
#   lab_swarm A B                      starts both engines and joins them to a Swarm over the wire (A is the manager)
#   lab_in NAME COMMAND...             runs a command in the network namespace of an engine, of "outside" or "wire"
#   lab_socket NAME, lab_pid NAME      path of the engine's socket; pid of dockerd
#   lab_sandbox NAME ID COMMAND...     runs a command inside /run/docker/netns/ID of the engine
#   lab_defer COMMAND...               runs at the end, last one first
#   lab_end                            removes everything (also by the trap, also after a failure; may be called twice)
#
# Everything made carries $LAB_ID: namespaces $LAB_ID-NAME, directory /var/tmp/pierglass-lab-$LAB_ID, cgroup
# pierglass-$LAB_ID. Nothing of the machine's own network is touched. LAB_SHELL=1 opens a shell before the lab is removed.

LAB_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_TOP=$(cd "$LAB_HERE/../.." && pwd)
# shellcheck source=tests/lab/images.sh
. "$LAB_HERE/images.sh"

LAB_ID=pgl$$
LAB_DIR=/var/tmp/pierglass-lab-$LAB_ID
LAB_DOCKER=${LAB_DOCKER:-/usr/bin/docker}
LAB_BUILD=${LAB_BUILD:-$LAB_TOP/build}
LAB_DEFERRED=()
LAB_BEGUN=
LAB_PORT=0

lab_say() { printf '# lab: %s\n' "$*" >&2; }
lab_fail() {
	printf '# lab: %s\n' "$*" >&2
	exit 70
}

# The cgroup mount that takes v2 files: the pure one or the unified one beside v1 controllers.
lab_cgroup2() {
	if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
		echo /sys/fs/cgroup
	else
		echo /sys/fs/cgroup/unified
	fi
}

# Why the lab cannot run here: prints a reason and returns 0, or returns 1 if it can.
lab_cannot() {
	local tool
	[ "$(id -u)" = 0 ] || { echo "needs root"; return 0; }
	for tool in dockerd containerd runc ip nsenter unshare jq flock; do
		command -v "$tool" >/dev/null || { echo "no $tool"; return 0; }
	done
	[ -x "$LAB_DOCKER" ] || { echo "no $LAB_DOCKER"; return 0; }
	ip netns add "$LAB_ID-try" 2>/dev/null || { echo "cannot make network namespaces"; return 0; }
	ip netns del "$LAB_ID-try"
	return 1
}

lab_begin() {
	local reason
	[ -n "$LAB_BEGUN" ] && return 0
	if reason=$(lab_cannot); then
		lab_fail "cannot run: $reason"
	fi
	LAB_BEGUN=1
	trap lab_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	lab_sweep
	mkdir -p "$LAB_DIR"
	chmod 711 "$LAB_DIR"
	mkdir -p "$(lab_cgroup2)/pierglass-$LAB_ID"
}

# Removes what a lab left whose shell is gone (it was killed with SIGKILL).
lab_sweep() {
	local dir id
	for dir in /var/tmp/pierglass-lab-pgl*; do
		[ -d "$dir" ] || continue
		id=${dir##*/pierglass-lab-}
		[ -d "/proc/${id#pgl}" ] && continue
		lab_say "removing what $id left behind"
		lab_remove "$id"
	done
}

lab_defer() { LAB_DEFERRED+=("$*"); }

lab_end() {
	local status=$? i
	[ -n "$LAB_BEGUN" ] || return 0
	trap '' INT TERM HUP
	if [ -n "${LAB_SHELL:-}" ] && [ -t 0 ]; then
		lab_say "a shell inside the lab $LAB_ID; its end removes the lab"
		LAB_DIR=$LAB_DIR bash -i || true
	fi
	LAB_BEGUN=
	for ((i = ${#LAB_DEFERRED[@]} - 1; i >= 0; i--)); do
		eval "${LAB_DEFERRED[i]}" || true
	done
	LAB_DEFERRED=()
	lab_remove "$LAB_ID"
	trap - EXIT INT TERM HUP
	[ "$status" = 0 ] || exit "$status"
}

# Kills every process in a v2 cgroup tree and waits until they are gone.
lab_cgroup_kill() {
	local group=$1 i
	[ -d "$group" ] || return 0
	for ((i = 0; i < 100; i++)); do
		if [ -f "$group/cgroup.kill" ]; then
			echo 1 2>/dev/null >"$group/cgroup.kill" || true
		else
			# shellcheck disable=SC2046 # a list of process ids
			kill -KILL $(find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null) 2>/dev/null || true
		fi
		[ -z "$(find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null)" ] && return 0
		sleep 0.05
	done
	lab_say "processes in $group do not end"
	return 1
}

# Everything that carries the id: processes, mounts, namespaces, cgroups, directory.
lab_remove() {
	local id=$1 dir=/var/tmp/pierglass-lab-$1 ns pid group mount
	# what was paused and is still cannot die (the freezer of cgroup v1)
	while read -r group; do
		echo THAWED 2>/dev/null >"$group" || true
	done < <(find "/sys/fs/cgroup/freezer/pierglass-$id" -name freezer.state 2>/dev/null)
	lab_cgroup_kill "$(lab_cgroup2)/pierglass-$id" || true
	while read -r ns _; do
		case $ns in
		"$id"-*)
			for pid in $(ip netns pids "$ns" 2>/dev/null); do
				kill -KILL "$pid" 2>/dev/null || true
			done
			ip netns del "$ns" 2>/dev/null || true
			;;
		esac
	done < <(ip netns list)
	while read -r mount; do
		umount -l "$mount" 2>/dev/null || true
	done < <(awk -v d="$dir/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r)
	for group in /sys/fs/cgroup/*/pierglass-"$id" /sys/fs/cgroup/pierglass-"$id"; do
		[ -d "$group" ] && find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
	done
	rm -rf --one-file-system "$dir"
}

lab_socket() { printf '%s/%s/docker.sock\n' "$LAB_DIR" "$1"; }
lab_pid() { cat "$LAB_DIR/$1/dockerd.pid"; }
lab_ns() { printf '%s-%s\n' "$LAB_ID" "$1"; }
lab_docker() {
	local name=$1
	shift
	"$LAB_DOCKER" -H "unix://$LAB_DIR/$name/docker.sock" "$@"
}

lab_in() {
	local name=$1
	shift
	nsenter --net="/run/netns/$LAB_ID-$name" "$@"
}

lab_sandbox() {
	local name=$1 id=$2
	shift 2
	nsenter --net="/proc/$(lab_pid "$name")/root/run/docker/netns/$id" "$@"
}

lab_ns_make() {
	local ns=$LAB_ID-$1
	[ -e "/run/netns/$ns" ] && return 0
	ip netns add "$ns"
	ip -n "$ns" link set lo up
}

lab_engine_start() {
	local name=$1 dir=$LAB_DIR/$1 i pid
	lab_begin
	lab_ns_make "$name"
	mkdir -p "$dir/data" "$(lab_cgroup2)/pierglass-$LAB_ID/$name.engine"
	echo '{}' >"$dir/engine.json"
	# In the engine's mount namespace /run is its own (so /run/docker and /run/containerd are, too); its socket is on
	# the lab's directory, where all can reach it. It and its shims live in one cgroup, its containers in another.
	# The host name is the node's name in a Swarm.
	# shellcheck disable=SC2016,SC2086 # for the inner shell; LAB_DOCKERD_ARGS is a list of words
	setsid nsenter --net="/run/netns/$LAB_ID-$name" unshare --mount --propagation private --uts sh -c '
		set -e
		echo $$ >"$2/cgroup.procs"
		mount -t tmpfs -o mode=755 tmpfs /run
		hostname "$1"
		shift 2
		exec "$@"' sh "node-$name" "$(lab_cgroup2)/pierglass-$LAB_ID/$name.engine" \
		dockerd --data-root "$dir/data" --exec-root /run/docker -H "unix://$dir/docker.sock" \
		--pidfile "$dir/dockerd.pid" --cgroup-parent "/pierglass-$LAB_ID/$name" --storage-driver overlay2 \
		--config-file "$dir/engine.json" --shutdown-timeout 3 --raw-logs \
		--dns-opt timeout:2 ${LAB_DOCKERD_ARGS:-} >>"$dir/dockerd.log" 2>&1 &
	pid=$!
	disown "$pid" 2>/dev/null || true
	for ((i = 0; i < 300; i++)); do
		[ -d "/proc/$pid" ] || break
		[ -S "$dir/docker.sock" ] && lab_docker "$name" version >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	tail -20 "$dir/dockerd.log" | sed 's/^/# /' >&2
	lab_fail "engine $name does not answer"
}

# Waits until the process is gone; 0 or 1.
lab_gone() {
	local pid=$1 i
	for ((i = 0; i < ${2:-200}; i++)); do
		[ -d "/proc/$pid" ] || return 0
		sleep 0.1
	done
	return 1
}

lab_engine_stop() {
	local pid
	pid=$(lab_pid "$1" 2>/dev/null) || return 0
	kill -TERM "$pid" 2>/dev/null || true
	lab_gone "$pid" || { kill -KILL "$pid" 2>/dev/null && lab_gone "$pid"; } || true
	rm -f "$LAB_DIR/$1/docker.sock"
}

# As if the engine crashed: what it ran in containers goes on only under live-restore.
lab_engine_kill() {
	local pid
	pid=$(lab_pid "$1")
	kill -KILL "$pid"
	lab_gone "$pid"
	rm -f "$LAB_DIR/$1/dockerd.pid" "$LAB_DIR/$1/docker.sock"
}

lab_engine_restart() {
	lab_engine_stop "$1"
	lab_engine_start "$1"
}

# The small image of our own static programs, for containers whose only act is one packet.
lab_image_tiny() {
	local name=$1 root=$LAB_DIR/tiny helper
	mkdir -p "$root/bin" "$root/etc"
	helper=$LAB_BUILD/tests/helpers/lab_traffic
	[ -x "$helper" ] || lab_fail "no $helper: make helpers"
	# under two names, so that the programs at both ends of a flow differ
	cp "$helper" "$root/bin/client"
	cp "$helper" "$root/bin/server"
	tar -C "$root" -c . | lab_docker "$name" import --change 'CMD ["/bin/client","sleep"]' - pg-tiny >/dev/null
}

lab_image() {
	local name=$1 image file changes=() change
	shift
	for image; do
		lab_docker "$name" image inspect "$image" >/dev/null 2>&1 && continue
		if [ "$image" = pg-tiny ]; then
			lab_image_tiny "$name"
			continue
		fi
		image_build "$image" || lab_fail "no image $image"
		file=$(image_file "$image")
		image_recipe "$image"
		changes=()
		for change in "${recipe_changes[@]}"; do
			changes+=(--change "$change")
		done
		lab_docker "$name" import "${changes[@]}" "$file" "$image" >/dev/null || lab_fail "cannot import $image"
	done
}

# ---- the networks around the engines ---------------------------------------------------------------------------
lab_wire() {
	[ -e "/run/netns/$LAB_ID-wire" ] && return 0
	lab_begin
	lab_ns_make wire
	ip -n "$LAB_ID-wire" link add br0 type bridge
	# a bridge between two "machines" is a switch: no netfilter on it, whatever the engines switched on
	lab_in wire sh -c 'for f in iptables ip6tables arptables; do
		f=/proc/sys/net/bridge/bridge-nf-call-$f; [ ! -e $f ] || echo 0 >$f; done
		echo 0 >/proc/sys/net/ipv6/conf/br0/accept_dad 2>/dev/null || true'
	ip -n "$LAB_ID-wire" link set br0 up
}

lab_plug() {
	local name=$1 device=$2 addr
	shift 2
	lab_wire
	lab_ns_make "$name"
	LAB_PORT=$((LAB_PORT + 1))
	ip link add "$device" netns "$LAB_ID-$name" type veth peer name "port$LAB_PORT" netns "$LAB_ID-wire"
	ip -n "$LAB_ID-wire" link set "port$LAB_PORT" master br0 up
	for addr; do
		case $addr in
		*:*) ip -n "$LAB_ID-$name" addr add "$addr" dev "$device" nodad ;;
		*) ip -n "$LAB_ID-$name" addr add "$addr" dev "$device" ;;
		esac
	done
	ip -n "$LAB_ID-$name" link set "$device" up
}

lab_outside() {
	lab_plug "$1" out0 203.0.113.1/24 2001:db8:113::1/64
	lab_plug outside eth0 203.0.113.9/24 2001:db8:113::9/64
}

lab_swarm() {
	local a=$1 b=$2 token
	lab_plug "$a" eth0 10.199.0.1/24 fd99::1/64
	lab_plug "$b" eth0 10.199.0.2/24 fd99::2/64
	lab_engine_start "$a"
	lab_engine_start "$b"
	lab_docker "$a" swarm init --advertise-addr 10.199.0.1 --listen-addr 10.199.0.1:2377 >/dev/null || lab_fail "swarm init"
	token=$(lab_docker "$a" swarm join-token -q worker)
	lab_docker "$b" swarm join --token "$token" --advertise-addr 10.199.0.2 --listen-addr 10.199.0.2:2377 10.199.0.1:2377 \
		>/dev/null || lab_fail "swarm join"
}
