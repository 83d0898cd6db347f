#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What knowing who did it costs, on a real engine: programs started, system calls (a loop, and Redis), each with and without
# the sensor in turns; then, with it, the storms at which nothing is lost, and what each of its programs uses. Last line: JSON.
# BENCH_REPS (7): windows of each; BENCH_STORMS (1): 0 leaves the storms out.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/../../tests/docker/lib.sh"

reps=${BENCH_REPS:-7}
reason=$(lab_cannot) && { echo "$reason" >&2; exit 1; }
lab_begin
lab_engine_start one
lab_image one pg-many
d() { lab_docker one "$@"; }
load=$LAB_BUILD/tools/bench/events_load
d network create --subnet 172.29.0.0/24 bench >/dev/null
# seccomp as the engine has it by default: its filter is part of what a system call costs here
for c in work redis server; do
	case $c in
	redis) what="redis-server --save '' --appendonly no" ;;
	server) what="/events_load serve 7000" ;;
	*) what="sleep infinity" ;;
	esac
	d run -d --name "$c" --network bench -v "$load:/events_load:ro" pg-many sh -c "exec $what" >/dev/null || exit 1
done
addr=$(d inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' server)
out=$LAB_DIR/windows

window() { # VARIANT
	d exec work /events_load exec 1 | jq -c --arg v "$1" '{v: $v, what, rate}'
	d exec work /events_load getppid 0.5 | jq -c --arg v "$1" '{v: $v, what, rate}'
	d exec redis redis-benchmark -q -n 20000 -c 8 -t get --csv 2>/dev/null | tail -n 1 | tr -d '"' | cut -d, -f2 |
		jq -c --arg v "$1" '{v: $v, what: "redis", rate: .}'
} >>"$out" 2>>"$LAB_DIR/errors"

with() {
	sensor_start bench "$(lab_socket one)" >&2
	until_true 10 sensor_knows_all bench one >&2
	sleep 1
	window sensor
	sensor_stop bench
}
for ((i = 0; i < reps; i++)); do
	if [ $((i % 2)) = 0 ]; then window none && with; else with && window none; fi
done

# -- storms: what was lost, and CPU by program
cpu() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; } # pid: clock ticks
lost() { sensor bench status --json | jq -c '.loss | {event_ring, event_throttled, refused: ((.flow_table_full // 0) + (.half_open_budget // 0))}'; }
names="keeper core inspect-packets files broker opener"
storm() { # EXECS CONNECTIONS SECONDS: one JSON object
	local before after name cpus=() now
	before=$(lost)
	declare -A ticks
	sleep 0.5
	for name in $names; do ticks[$name]=$(cpu "${pid_of[$name]}"); done
	d exec work /events_load storm "$1" "$2" "$3" "$addr" 7000 >"$LAB_DIR/storm" 2>>"$LAB_DIR/errors"
	sleep 1 # what it leaves for later
	for name in $names; do
		now=$(cpu "${pid_of[$name]}")
		cpus+=("\"$name\": $(awk -v t=$((now - ticks[$name])) -v s="$3" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.4f", t / hz / s }')")
	done
	sleep 0.5
	after=$(lost)
	jq -cs --argjson b "$before" --argjson a "$after" --argjson cpu "{$(IFS=,; echo "${cpus[*]}")}" --argjson e "$1" --argjson c "$2" \
		'{want_execs: $e, want_connections: $c, execs: ([.[] | select(.what == "exec").rate] | add), connections: ([.[] | select(.what == "connect").rate] | add),
		  lost: ($a | with_entries(.value -= ($b[.key] // 0))), cpu: $cpu}' "$LAB_DIR/storm"
}
if [ "${BENCH_STORMS:-1}" = 1 ]; then
	sensor_start bench "$(lab_socket one)" >&2
	until_true 10 sensor_knows_all bench one >&2
	declare -A pid_of
	for name in $names; do pid_of[$name]=$(sensor_program bench "$name"); done
	sleep 2
	storm 0 0 4 >"$LAB_DIR/storms"
	for rates in "1000 5000" "2000 0" "3000 0" "4000 0" "0 8000" "0 12000" "0 20000"; do
		# shellcheck disable=SC2086 # two words
		storm $rates 4 >>"$LAB_DIR/storms"
		sleep 1
	done
	sensor_stop bench
fi
[ ! -s "$LAB_DIR/errors" ] || head -n 3 "$LAB_DIR/errors" >&2
jq -cn --slurpfile w "$out" --slurpfile s <(cat "$LAB_DIR/storms" 2>/dev/null) '{windows: $w, storms: $s}'
