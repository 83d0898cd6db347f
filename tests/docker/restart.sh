#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Restarts under traffic: of the engine, of the sensor, and SIGKILL of each of its programs RESTART_N=50 times. Traffic
# never stops, nothing leaks, counters and map go on.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
n=${RESTART_N:-50}

lab_engine_start a
lab_image a pg-tiny
lab_docker a network create --subnet 172.30.0.0/24 front >/dev/null
lab_docker a run -d --name echo --network front --ip 172.30.0.10 pg-tiny /bin/server echo 7000 >/dev/null
lab_docker a run -d --name desk --network front --ip 172.30.0.11 pg-tiny >/dev/null

# ids KIND: the eBPF programs or maps (prog, map) that the sensor's processes hold
ids() {
	local pid
	for pid in $(sensor_pids s); do
		cat "/proc/$pid/fdinfo/"* 2>/dev/null | awk -v k="$1_id:" '$1 == k { print $2 }'
	done | sort -un
}
# existing KIND: of the ids on standard input, how many are in the kernel
existing() {
	local id n=0
	while read -r id; do
		bpftool "$1" show id "$id" >/dev/null 2>&1 && n=$((n + 1))
	done
	echo "$n"
}
pins() { find "$LAB_DIR/sensor-s/run" -path '*/bpf/*' -type f 2>/dev/null | wc -l; }
mounts() { grep -c " $LAB_DIR/sensor" /proc/mounts; }

sensor_start s "$(lab_socket a)"
ok "the containers are known" until_true 10 sensor_knows_all s a

# edge PORT: packets_to_server, flows, first_seen of the edge desk -> echo
edge() {
	sensor s map --json | jq -rs --argjson p "$1" '[.. | objects | select(has("client") and .port? == $p)]
		| "\(map(.packets_to_server) | add // 0) \(map(.flows) | add // 0) \(map(.first_seen) | min // "none") \(length)"'
}
whole_map() { sensor s map --json | jq -c '.edges[] | [.client, .server, .l4, .port, .flows, .packets_to_server, .first_seen]'; }
fds() {
	local pid total=0
	for pid in $(sensor_pids s); do
		total=$((total + $(find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l)))
	done
	echo "$total"
}
counts() { echo "$(sensor_pids s | wc -l) processes, $(pins) pins, $(mounts) mounts, $(ids map | wc -l) maps"; }
settled() { # two looks, one second apart, agree
	local one
	sensor_is_ready s || return 1
	one=$(counts)
	sleep 1
	[ "$(counts)" = "$one" ]
}

# -- SIGKILL under traffic: one long connection, and one connection after the other
lab_docker a exec desk /bin/client tick 172.30.0.10 7000 600 10 >"$LAB_DIR/tick" 2>&1 &
disown
lab_docker a exec desk /bin/client rush 172.30.0.10 7000 600 >"$LAB_DIR/rush" 2>&1 &
disown
until_true 10 eval '[ "$(edge 7000 | cut -d" " -f1)" -gt 100 ]'
until_true 10 settled
before=$(counts)
ids prog >"$LAB_DIR/progs"
ids map >"$LAB_DIR/maps"
progs_before=$(existing prog <"$LAB_DIR/progs") maps_before=$(existing map <"$LAB_DIR/maps")
fds_before=$(fds)
edge_before=$(edge 7000)

kills=0
programs="core broker inspect-packets inspect-documents verdict files opener"
start_keeper() {
	local dir=$LAB_DIR/sensor-s
	# shellcheck disable=SC2016 # for the inner shell
	setsid sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$(lab_cgroup2)/pierglass-$LAB_ID/sensor-s" \
		"$LAB_BUILD/pierglassd" --config "$dir/config.yaml" --state "$dir/state" --run "$dir/run" --docker "$(lab_socket a)" \
		>>"$dir/log" 2>&1 </dev/null &
	echo $! >"$dir/keeper.pid"
	disown
}
running_again() { # every pid of before is another one now
	sensor s status --json 2>/dev/null | jq -es --argjson old "$1" '.[0].programs | map(select(.running and .name != "keeper"))
		| (map(.name) | unique | length) >= ($old | length) and all(.[]; .pid as $p | $old | index($p) | not)' >/dev/null
}
kill_round() {
	local pids
	# all at once: the list comes from core, which is one of them
	mapfile -t pids < <(sensor s status --json | jq -r --arg names "$programs" '.programs[] | select(.running and (.name | IN($names | split(" ")[]))) | .pid')
	[ "${#pids[@]}" = 7 ] || { echo "${#pids[@]} programs were running:"; sensor s status --json | jq -c ".programs[]"; tail -n 5 "$LAB_DIR/sensor-s/log"; return 1; }
	kill -KILL "${pids[@]}"
	until_true 10 running_again "[$(IFS=,; echo "${pids[*]}")]" || { echo "not all are back 10 s after their end"; return 1; }
	ids prog >>"$LAB_DIR/progs"
	ids map >>"$LAB_DIR/maps"
	kill -KILL "$(sensor_keeper s)"
	lab_gone "$(sensor_keeper s)" 50
	until_true 5 eval '[ -z "$(sensor_pids s)" ]' || { echo "its children outlive the keeper: $(sensor_pids s)"; return 1; }
	start_keeper
	until_true 15 sensor_is_ready s || { echo "not ready 15 s after the keeper's restart"; tail -n 5 "$LAB_DIR/sensor-s/log"; return 1; }
	kills=$((kills + 1))
}
killing() {
	local i
	for ((i = 0; i < n; i++)); do
		kill_round || { echo "in round $i"; return 1; }
	done
}
kill_start=$SECONDS
out=$(killing) && pass "each program, the keeper too, killed $n times: each time all are back" ||
	flunk "each program, the keeper too, killed $n times: each time all are back" "$out"
echo "# $((SECONDS - kill_start)) s"
until_true 20 settled
edge_after=$(edge 7000)
counting() {
	local a b
	a=$(edge 7000)
	sleep 1
	b=$(edge 7000)
	[ "${b%% *}" -gt "${a%% *}" ] || { echo "$a, then $b"; return 1; }
}
ok "counting goes on" counting
resumed() { # packets since the start, ends and counts
	local a b
	read -ra a <<<"$edge_before"
	read -ra b <<<"$edge_after"
	[ "${b[3]}" = 1 ] && [ "${b[0]}" -gt "${a[0]}" ] && [ "${b[1]}" -gt "${a[1]}" ] ||
		{ printf 'packets flows first edges: before %s, after %s\n' "$edge_before" "$edge_after"; whole_map; return 1; }
}
ok "the edge is the same one, its counters resumed" resumed
same_counts() { [ "$(counts)" = "$before" ] || { printf 'before %s\nafter  %s\n' "$before" "$(counts)"; return 1; }; }
ok "no process, map, pin or mount leaked" until_true 10 same_counts
# of all that any of the keepers before the last ever held, no more is alive than what one holds
same_alive() {
	local progs maps
	progs=$(sort -un "$LAB_DIR/progs" | existing prog) maps=$(sort -un "$LAB_DIR/maps" | existing map)
	[ "$progs" -le "$progs_before" ] && [ "$maps" -le "$maps_before" ] ||
		{ echo "before $progs_before programs, $maps_before maps; after $progs, $maps"; return 1; }
}
ok "no eBPF program or map of a killed keeper stays" until_true 10 same_alive
same_fds() { [ "$(fds)" -le $((fds_before + 8)) ] || { echo "$fds_before descriptors before, $(fds) after"; return 1; }; }
ok "no descriptor leaked" until_true 10 same_fds
# SIGTERM ends the clients, which then say how it went
for pid in $(lab_docker a top desk -eo pid,args | awk '/client (tick|rush)/ { print $1 }'); do
	kill -TERM "$pid"
done
sleep 1
never_stopped() {
	local f
	for f in tick rush; do
		jq -es 'length == 1 and .[0].sent > 200 and .[0].failed == 0 and .[0].worst_us < 1000000' "$LAB_DIR/$f" >/dev/null || { cat "$LAB_DIR/$f"; return 1; }
		echo "# $f: $(cat "$LAB_DIR/$f")" >&2
	done
}
ok "traffic never stopped: no failure, no answer later than 1 s" never_stopped

# -- the sensor restarts in order: the map is still there
edge_before=$(edge 7000)
sensor_stop s
sensor_start s "$(lab_socket a)"
survived() {
	local a b
	read -ra a <<<"$edge_before"
	read -ra b <<<"$(edge 7000)"
	[ "${b[0]}" -ge "${a[0]}" ] && [ "${b[1]}" -ge "${a[1]}" ] && [ "${b[2]}" = "${a[2]}" ] && [ "${b[3]}" = "${a[3]}" ] || { echo "before ${a[*]}, after ${b[*]}"; return 1; }
}
ok "the map survives a restart of the sensor" until_true 5 survived
history() { sensor s flows --history --json 2>/dev/null | jq -es '[.. | objects | select(.dport? == 7000)] | length > 10' >/dev/null; }
ok "so does the history of flows" until_true 5 history

# -- the engine restarts, in order and by SIGKILL: the sensor finds it again and names what runs then
again() {
	lab_docker a start echo desk >/dev/null 2>&1
	until_true 15 sensor_knows_all s a || { echo "containers not known again"; sensor s status | head -n 30; return 1; }
	lab_docker a exec desk /bin/client send tcp 172.30.0.10 7000 1000 >/dev/null
	until_true 10 eval '[ "$(edge 7000 | cut -d" " -f2)" -gt '"$1"' ]' || { edge 7000; return 1; }
}
flows_now() { edge 7000 | cut -d' ' -f2; }
flows=$(flows_now)
lab_engine_restart a
ok "the engine restarts: found again, new flows get names" again "$flows"
flows=$(flows_now)
lab_engine_kill a
# without live-restore the next engine ends what the killed one left
lab_engine_start a
ok "the engine is killed and starts again: found, new flows get names" again "$flows"
said() { sensor s status --json | jq -es '.[0].engines[0] | .connects >= 3 and .up' >/dev/null || { sensor s status --json | jq -c .engines; return 1; }; }
ok "status says how often the engine was found" said
ok "and the map has the one edge" eval '[ "$(edge 7000 | cut -d" " -f4)" = 1 ] || { whole_map; false; }'

# -- the end: nothing stays behind
ids prog >"$LAB_DIR/progs"
ids map >"$LAB_DIR/maps"
sensor_stop s
gone() { [ -z "$(sensor_pids s)" ] || { sensor_pids s; return 1; }; }
ok "the sensor ends and leaves no process" until_true 10 gone
unhooked() {
	local left
	left="$(existing prog <"$LAB_DIR/progs") programs, $(existing map <"$LAB_DIR/maps") maps, $(pins) pins, $(mounts) mounts"
	[ "$left" = "0 programs, 0 maps, 0 pins, 0 mounts" ] || { echo "left: $left"; return 1; }
}
ok "after its end no hook, map or mount stays" until_true 10 unhooked
docker_end
