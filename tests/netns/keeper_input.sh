#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2119
# pierglassd against wrong surroundings: one clear line, the right exit code, nothing left behind. And against programs of
# its own that stop answering.
cd "$(dirname "$0")/../.." || exit 1
. tests/netns/lib.sh
lab_open pgki
D="$B/pierglassd"
base=(--state "$T/state" --run "$T/run" --docker "$T/engine.sock")

# says CODE PATTERN NAME COMMAND...: exit code, one line that matches.
says() {
	local code=$1 pattern=$2 name=$3 out st lines
	shift 3
	out=$(timeout 20 "$@" 2>&1 </dev/null)
	st=$?
	lines=$(grep -c . <<<"$out")
	[ "$st" = "$code" ] && [ "$lines" = 1 ] && grep -qE -- "$pattern" <<<"$out"
	ok $? "$name"
	[ "$st" = "$code" ] && [ "$lines" = 1 ] && grep -qE -- "$pattern" <<<"$out" || printf '#   exit %s, expected %s; said: %s\n' "$st" "$code" "$out"
}

says 2 'unknown option --frobnicate' "unknown option" "$D" --frobnicate
says 2 'unexpected argument' "unexpected argument" "$D" start
says 2 'absolute paths' "relative engine socket" "$D" "${base[@]}" --docker docker.sock
# (a copy where nobody can reach it: a home directory is private)
chmod 711 "$T" && cp "$D" "$T/pierglassd"
says 4 'must be run as root' "not root" setpriv --reuid 65534 --regid 65534 --clear-groups "$T/pierglassd" "${base[@]}"
says 4 'no BTF' "kernel without BTF" env PIERGLASS_BTF=/nonexistent "$D" "${base[@]}"
says 2 'cannot be read: No such file' "configuration that is not there" "$D" "${base[@]}" --config "$T/none.yaml"
mkdir "$T/dir"
says 2 'cannot be read: Is a directory' "configuration that is a directory" "$D" "${base[@]}" --config "$T/dir"
says 2 'no user' "user that is not there" "$D" "${base[@]}" --user no-such-user-here
says 2 'not without privileges' "root as the user" "$D" "${base[@]}" --user root
: >"$T/file"
says 1 'state directory .* cannot be written' "state directory that is a file" "$D" "${base[@]}" --state "$T/file"
mkdir "$T/ro"
mount -t tmpfs -o ro tmpfs "$T/ro"
says 1 'cannot be written.*Read-only' "state directory on a read-only file system" "$D" "${base[@]}" --state "$T/ro"
umount "$T/ro"
mkdir -m 700 "$T/closed"
says 1 'cannot be written by user number' "state directory below a closed one" "$D" "${base[@]}" --state "$T/closed/state"
mkdir "$T/other"
: >"$T/other/precious"
chown 1 "$T/other"
says 1 'belongs to user number 1' "state directory of somebody else" "$D" "${base[@]}" --state "$T/other"
is "$(stat -c %u "$T/other")" 1 "... is left to him"
says 1 'run directory .*File exists|run directory .*Not a directory' "run directory that is a file" "$D" "${base[@]}" --run "$T/file"
long=$T/$(printf 'a%.0s' $(seq 100))
says 2 'too long for a socket' "run directory with too long a path" "$D" "${base[@]}" --run "$long"
printf 'no_such_key: 1\n' >"$T/bad.yaml"
out=$(timeout 20 "$D" "${base[@]}" --config "$T/bad.yaml" 2>&1)
is $? 2 "configuration with an unknown key ends with 2"
grep -q no_such_key <<<"$out"
ok $? "... and names the key"
is "$(grep -c . <<<"$out")" 1 "... in one line"
is "$(find "$T/run" -mindepth 1 | wc -l)" 0 "none of these left anything in the run directory"
is "$("$D" --version | wc -l)" 1 "--version"
"$D" --help | grep -q -- --docker
ok $? "--help"

# Running: a second one is refused, and does not disturb the first.
keeper_start
says 4 "in use by the sensor with pid $KPID" "run directory in use" "$D" "${base[@]}"
kill -0 "$KPID"
ok $? "the first one goes on"
is "$(stat -c '%a %U' "$T/run/api.sock")" "660 root" "API socket is for root and the group"
is "$(cat "$T/run/pid")" "$KPID" "pid file"

# Hung programs: the verdict process within a second, others by their own limit.
running() { [ -n "$(child_pid "$1")" ]; }
for w in "pierglassd: verdict" "pierglass-inspect packets"; do wait_for 10 running "$w"; done
p=$(child_pid "pierglassd: verdict")
kill -STOP "$p"
t0=$(date +%s%N)
replaced() { local now; now=$(child_pid "$1") && [ -n "$now" ] && [ "$now" != "$2" ]; }
wait_for 5 replaced "pierglassd: verdict" "$p"
ms=$((($(date +%s%N) - t0) / 1000000))
[ "$ms" -lt 1500 ]
ok $? "hung verdict process is replaced ($ms ms)"
p=$(child_pid "pierglass-inspect packets")
kill -STOP "$p"
wait_for 15 replaced "pierglass-inspect packets" "$p"
ok $? "hung inspector is replaced"
grep -q 'has not answered for' "$T/keeper.log"
ok $? "... and it is said"

# An engine that ends and comes back.
ip netns pids "$NODE" >/dev/null
kill -KILL "$EPID"
wait "$EPID" 2>/dev/null
wait_for 5 grep -q 'has ended' "$T/keeper.log"
ok $? "the end of an engine is seen"
engine_start
twice() { [ "$(grep -c 'is process' "$T/keeper.log")" = 2 ]; }
wait_for 5 twice
ok $? "its successor is found"
sandbox_add after00001
leg_add after00001 10.77.1.1
hooked() { stats | awk '$3 == 1' | grep -q .; }
wait_for 5 hooked
ok $? "and its containers are hooked"
keeper_stop
is $? 0 "orderly stop"
plan_done
