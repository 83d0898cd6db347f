#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Containers that come and go at 70 % of the rate that the engine manages without the sensor (DECISIONS 33): each is told,
# with its program and its one connection, and afterwards descriptors, links, map entries, marks and namespaces of the sensor
# are exactly as before. FULL=1: 600 containers; else a short form.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

N=${CHURN_N:-$([ -n "${FULL:-}" ] && echo 600 || echo 60)}
lab_engine_start a
lab_image a pg-tiny
d() { lab_docker a "$@"; }
d network create --subnet 172.27.0.0/22 net >/dev/null
d run -d --name server --network net --ip 172.27.0.2 pg-tiny /bin/server echo 7000 >/dev/null
one() { d run --rm --name "churn-$1" --network net pg-tiny /bin/client once tcp 172.27.0.2 "$((20000 + $1))" >/dev/null 2>"$LAB_DIR/err.$1" || head -1 "$LAB_DIR/err.$1" >>"$LAB_DIR/failed"; }

# the engine's own rate: two at a time, without the sensor
base=8 start=$(date +%s%N)
for ((i = 0; i < base; i += 2)); do
	one $((9000 + i)) & one $((9001 + i))
	wait %+ 2>/dev/null
done
wait
until_true 10 eval '[ "$(d ps -aq | wc -l)" = 1 ]'
period_ms=$((($(date +%s%N) - start) * 100 / 1000000 / base / 70))
echo "# without the sensor: one container in $((period_ms * 70 / 100)) ms; here: one in $period_ms ms"

sensor_start s "$(lab_socket a)"
ok "the containers are known" until_true 10 sensor_knows_all s a
keeper=$(sensor_keeper s)
fdinfo() {
	local pid
	for pid in $(sensor_pids s); do cat "/proc/$pid/fdinfo/"* 2>/dev/null; done
}
# What the sensor holds: each program's descriptors by kind; entries of the maps that grow with containers. Some of these hold
# whatever runs on this machine, also what other engines run: of those the entries whose cgroup is gone.
pinned() { find "$LAB_DIR/sensor-s/run" -path '*/bpf/*' -name "$1" -type f 2>/dev/null; }
map_entries() {
	local name
	for name in interfaces if_stats hostnet netns_numbers vteps; do
		echo "map $name $(bpftool -j map dump pinned "$(pinned "$name")" | jq length)"
	done
	for name in ledgers sockets syscalls; do
		bpftool -j map dump pinned "$(pinned "$name")" >"$LAB_DIR/dump.$name"
	done
	find "$(lab_cgroup2)" -type d -printf '%i\n' >"$LAB_DIR/cgroups"
	python3 - "$LAB_DIR" <<-'P'
		import json, sys
		def numbers(b, at, n):
		    b = bytes(int(x, 16) for x in b)
		    return [int.from_bytes(b[i:i + 8], "little") for i in range(at, at + 8 * n, 8)]
		there = {int(l) for l in open(sys.argv[1] + "/cgroups")} | {0, 1}
		for name, part, at, n in ("ledgers", "key", 0, 1), ("sockets", "value", 8, 1), ("syscalls", "value", 0, 4):
		    gone = sum(c not in there for e in json.load(open(f"{sys.argv[1]}/dump.{name}")) for c in numbers(e[part], at, n))
		    print(f"map {name} entries of cgroups that are gone: {gone}")
	P
}
held() {
	local pid broker
	broker=$(sensor_program s broker)
	for pid in $(sensor_pids s | sort -n); do
		echo "$(cat "/proc/$pid/comm" 2>/dev/null) $(find "/proc/$pid/fd" -mindepth 1 -printf '%l\n' 2>/dev/null | sed 's/[:[].*//; s/^\/.*/file/' | sort | uniq -c | awk '{ printf "%s=%s ", $2, $1 }')" |
			if [ "$pid" = "$broker" ]; then sed -E 's/socket=(1[0-6]|[0-9])\b/socket<=16/'; else cat; fi # it keeps idle connections to the engine
	done
	echo "links $(fdinfo | awk '$1 == "link_id:" { print $2 }' | sort -u | wc -l)"
	echo "programs $(fdinfo | awk '$1 == "prog_id:" { print $2 }' | sort -u | wc -l)"
	echo "pins $(find "$LAB_DIR/sensor-s/run" -path '*/bpf/*' -type f 2>/dev/null | wc -l)"
	echo "marks $(cat "/proc/$keeper/fdinfo/"* 2>/dev/null | grep -cE '^fanotify (sdev|mnt_id)')"
	map_entries
}
settled() { # two looks, one second apart, agree
	held >"$LAB_DIR/held.1"
	sleep 1
	held >"$LAB_DIR/held.2"
	cmp -s "$LAB_DIR/held.1" "$LAB_DIR/held.2"
}
until_true 15 settled
cp "$LAB_DIR/held.2" "$LAB_DIR/held.before"

LOG=$LAB_DIR/flows.jsonl EVENTS=$LAB_DIR/events.jsonl
timeout 900 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json flows -f >"$LOG" 2>"$LAB_DIR/flows.err" &
FLOWS=$!
timeout 900 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json events --kind exec >"$EVENTS" 2>"$LAB_DIR/events.err" &
EXECS=$!
lab_defer "kill $FLOWS $EXECS 2>/dev/null"
sleep 1
: >"$LAB_DIR/failed"
start=$(date +%s%N)
for ((i = 0; i < N; i++)); do
	while [ "$(jobs -rp | wc -l)" -ge 6 ]; do sleep 0.02; done # two are the followers
	one "$i" &
	late=$(((start + i * period_ms * 1000000 - $(date +%s%N)) / 1000000))
	[ "$late" -le 0 ] || sleep "$(printf '%d.%03d' $((late / 1000)) $((late % 1000)))"
done
while [ "$(jobs -rp | wc -l)" -gt 2 ]; do sleep 0.05; done
took_ms=$((($(date +%s%N) - start) / 1000000))
echo "# $N containers in $((took_ms / 1000)) s: one in $((took_ms / N)) ms"
cat >"$LAB_DIR/judge.py" <<'P'
import json, sys
log, events, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
flows, wrong, programs = {}, [], {}
for line in open(log, encoding="utf-8", errors="replace"):
    f = json.loads(line)
    if 20000 <= f["dport"] < 20000 + n:
        flows[f["dport"] - 20000] = f
for i, f in flows.items():
    c = f["client"]
    have = (c["container"], c["exe"], c["attribution"], f["server"]["container"])
    if have != (f"churn-{i}", "/bin/client", "exact", "server"):
        wrong.append((i, have))
for line in open(events, encoding="utf-8", errors="replace"):
    e = json.loads(line)
    if e["container"].startswith("churn-"):
        programs.setdefault(e["container"], set()).add(e["process"]["exe"])
        if e["process"]["exe"] != "/bin/client":
            wrong.append(e)
lacking = [(i, programs.get(f"churn-{i}")) for i in range(n) if programs.get(f"churn-{i}") != {"/bin/client"}]
print(f"# {n} containers: {len(flows)} flows, {len(programs)} programs; wrong {wrong[:5]}, without program {lacking[:5]}")
sys.exit(0 if not wrong and not lacking and len(flows) == n else 1)
P
judged() { python3 "$LAB_DIR/judge.py" "$LOG" "$EVENTS" "$N"; }
ok "the engine ran all of them" eval '[ ! -s "$LAB_DIR/failed" ] || { sort "$LAB_DIR/failed" | uniq -c; false; }'
ok "each of $N containers is told with its program, its connection and its name" until_true 10 judged
judged
kill "$FLOWS" "$EXECS" 2>/dev/null
wait "$FLOWS" "$EXECS" 2>/dev/null
none_lost() { sensor s status --json | jq -e '[.loss | .event_ring, .event_throttled, .process_table, .listener_table, .edge_table, .refused_full] | all(. == 0 or . == null)' >/dev/null || { sensor s status --json | jq -c .loss; return 1; }; }
ok "nothing was lost" none_lost
back() { held >"$LAB_DIR/held.after"; diff "$LAB_DIR/held.before" "$LAB_DIR/held.after"; }
ok "descriptors, links, map entries, marks and namespaces are exactly as before" until_true 75 back
sed 's/^/# /' "$LAB_DIR/held.before"
docker_end
