#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2119,SC2034
# Every program is killed 50 times while traffic runs: the traffic never stops, what was killed comes back, nothing leaks, and
# the hooks have counted every packet, also while there was no keeper. KILLS=N for another number.
cd "$(dirname "$0")/../.." || exit 1
. tests/netns/lib.sh
KILLS=${KILLS:-50}
export PIERGLASS_RESTART_MAX_MS=100
lab_open pgkl
sandbox_add kill000001
leg_add kill000001 10.77.1.1
keeper_start
programs=("pierglass-core core" "pierglass-core broker" "pierglass-core files" "pierglass-inspect packets" "pierglass-inspect documents"
	"pierglassd: verdict" "pierglassd: opener")
children() { wc -w <"/proc/$KPID/task/$KPID/children"; }
all_there() { [ "$(children)" = ${#programs[@]} ]; }
wait_for 10 all_there
ok $? "keeper with ${#programs[@]} programs"

# The keeper's filter is inherited; a program that has entered its sandbox has one more.
is_confined() { [ "$(awk '/^Seccomp_filters:/ { print $2 }' "/proc/$1/status")" -ge 2 ]; }
for w in "${programs[@]}"; do
	p=$(child_pid "$w")
	wait_for 10 is_confined "$p" || note "$w: not in its sandbox after 10 s"
	is "$(awk '/^(Seccomp|NoNewPrivs):/ { printf "%s ", $2 }' "/proc/$p/status")" "1 2 " "$w: no_new_privs and a filter"
	caps=0000000000000000
	[ "$w" != "pierglassd: verdict" ] || caps=0000000000001000 # CAP_NET_ADMIN
	[ "$w" != "pierglassd: opener" ] || caps=0000000000280004 # CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYS_ADMIN
	is "$(awk '/^CapEff:/ { print $2 }' "/proc/$p/status")" "$caps" "$w: capabilities"
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$p/status")" != 0 ]
	ok $? "$w: not root"
	case $w in *inspect*) is "$(find "/proc/$p/root/" | wc -l)" 1 "$w: its root is empty" ;; esac
done
is "$(awk '/^Seccomp:/ { print $2 }' "/proc/$KPID/status")" 2 "keeper: a filter"

(exec nsenter --target "$EPID" --net --mount nsenter --net="$(sandbox_file kill000001)" ping -q -i 0.01 10.77.0.1) >"$T/ping.log" 2>&1 &
ping_pid=$!
LAB_PIDS=$ping_pid
sleep 0.5
idx=$(if_index vkill000001)
seen() { stats | awk -v i="$idx" '$2 == i { print $4 }'; }
running() { [ -n "$(child_pid "$1")" ]; }
replaced() { local now; now=$(child_pid "$1") && [ -n "$now" ] && [ "$now" != "$2" ]; }
list_pins() { find "$T/run/bpf" -type f -printf '%P\n' | sort; }
count_pins() { list_pins | wc -l; }

for w in "${programs[@]}"; do
	wait_for 10 all_there
	sleep 0.3
	list_pins >"$T/pins"
	fds=$(count_fds) pins=$(count_pins) back=0
	for ((i = 0; i < KILLS; i++)); do
		p=$(child_pid "$w")
		kill -KILL "$p"
		wait_for 5 replaced "$w" "$p" && back=$((back + 1))
	done
	is "$back" "$KILLS" "$w: came back after each of $KILLS kills"
	wait_for 5 all_there
	is "$(children)" ${#programs[@]} "$w: ${#programs[@]} programs, no more"
	sleep 0.5
	is "$(count_fds) $(count_pins)" "$fds $pins" "$w: descriptors and pins of the keeper as before"
	list_pins | diff "$T/pins" - | sed 's/^/# pins: /'
done

# The keeper itself: its service manager (here: this script) starts it again. Its programs die with it.
pins=$(count_pins) gone=0 back=0 steady=0 twice=
before=$(seen)
note "counted so far: $before"
for ((i = 0; i < KILLS; i++)); do
	old_children=$(cat "/proc/$KPID/task/$KPID/children")
	kill -KILL "$KPID"
	wait "$KPID" 2>/dev/null
	dead() { for p in $old_children; do [ ! -d "/proc/$p" ] || return 1; done; }
	wait_for 5 dead && gone=$((gone + 1))
	: >"$T/keeper.log"
	keeper_start && back=$((back + 1))
	now=$(seen)
	[ "${now:-0}" -ge "$before" ] && steady=$((steady + 1))
	before=${now:-0}
	# Read after it: the interface cannot have carried less than was counted. The first time says what was attached then.
	rx=$(if_rx_packets vkill000001)
	if [ "$before" -gt "$rx" ] && [ -z "$twice" ]; then
		twice=$((i + 1))
		note "after restart $twice: counted $before of $rx; programs: $(in_node "$B/tests/helpers/if_stats" --tcx "$idx")"
		note "all statistics: $(stats | tr '\n' '|')"
		note "keeper: $(grep -v ' core' "$T/keeper.log" | tail -n 5 | tr '\n' '|')"
	fi
done
is "$gone" "$KILLS" "keeper: its programs died with it each time"
is "$back" "$KILLS" "keeper: started again each time"
is "$steady" "$KILLS" "keeper: counters went on, never back"
wait_for 10 all_there
is "$twice" "" "keeper: no restart after which more was counted than the interface carried"
is "$(count_pins)" "$pins" "keeper: as many pins as before"
grep -q 'adopted .* maps' "$T/keeper.log"
ok $? "keeper: adopted what was there"

kill -INT "$ping_pid"
wait "$ping_pid"
sleep 0.2
note "$(grep transmitted "$T/ping.log")"
grep -q ' 0% packet loss' "$T/ping.log"
ok $? "the traffic never stopped"
# Between two equal readings of the interface nothing was under way.
quiet() {
	rx=$(if_rx_packets vkill000001)
	counted=$(seen)
	[ "$rx" = "$(if_rx_packets vkill000001)" ]
}
wait_for 10 quiet
[ "$rx" -gt 100 ]
ok $? "the interface carried traffic ($rx packets)"
is "$counted" "$rx" "every packet of it was counted, with and without a keeper"
if [ "$counted" != "$rx" ]; then
	note "programs on the interface: $(in_node "$B/tests/helpers/if_stats" --tcx "$idx"); all statistics: $(stats | tr '\n' '|')"
	note "maps: $(grep -c 'adopted .* maps' "$T/keeper.log"), pins: $(find "$T/run/bpf" -type f -printf '%P ' | head -c 1500)"
fi
keeper_stop
is $? 0 "orderly stop"
plan_done
