#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A34: a container that wants the sensor blind or dead. Programs with hostile names as fast as it can, forks without end,
# 100,000 sockets, flows without end: its events are cut off and that is said, every line of output stays valid JSON, what the
# other container does is told to the last event, and the sensor's memory stays within its bound. Its benign twin: make -j.
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
lab_engine_start a
lab_image a pg-many
d network create --subnet 172.31.0.0/24 front >/dev/null
F=$LAB_BUILD/tests/helpers/flood
d run -d --name flood --network front --ip 172.31.0.5 --pids-limit 400 -v "$F:/flood:ro" pg-many sleep infinity >/dev/null
d run -d --name quiet --network front --ip 172.31.0.6 pg-many redis-server --save '' --protected-mode no >/dev/null
d run -d --name build --network none pg-many sleep infinity >/dev/null
sensor_start s "$(lab_socket a)"
ok "the containers are known" until_true 10 sensor_knows_all s a
follow() { # NAME COMMAND ARG...
	local name=$1
	shift
	timeout 300 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json "$@" >"$LAB_DIR/$name.jsonl" 2>"$LAB_DIR/$name.err" &
	lab_defer "kill $! 2>/dev/null"
}
follow events events --kind exec,listen,throttle
follow quiet events --workload pg-many/quiet
follow throttle events --kind throttle
follow flows flows -f
sleep 1
rss_kib() { # of all its programs
	local pid total=0
	for pid in $(sensor_pids s); do total=$((total + $(awk '$1 == "Rss:" { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null || echo 0))); done
	echo "$total"
}
programs_now() { sensor s status --json | jq -c '[.programs[] | select(.running) | [.name, .pid]] | sort'; }
before=$(rss_kib) programs=$(programs_now)
ledger() { sensor s status --json | jq -e --arg c "$1" ".ledger[] | select(.container == \$c) | $2"; }

# -- the twin: many programs at once in a build are no flood
d exec build sh -c 'for i in $(seq 400); do /bin/true & done; wait'
ok "benign: a build's 400 programs are told, none cut off" until_true 8 ledger build '.events | .throttled == 0 and .ring_lost == 0 and .produced > 1000 and .produced == .received'

# -- the attack; all the while the other one lives on
d exec flood /flood execs 6 4 >"$LAB_DIR/execs" 2>&1 &
A=$!
d exec flood sh -c 'exec /flood sockets 100000 6' >"$LAB_DIR/sockets" 2>&1 &
B=$!
d exec flood perl -e 'use Socket; socket(my $s, PF_INET, SOCK_DGRAM, 17); my $end = time + 6; while (time < $end) { for (1..2000) { send($s, "x", 0, sockaddr_in(1 + int(rand(65000)), inet_aton("172.31.0.6"))) } }' >/dev/null 2>&1 &
C=$!
for i in 1 2 3 4 5; do
	d exec quiet sh -c 'for i in $(seq 20); do /bin/false; done; redis-cli ping' >/dev/null
	sleep 0.5
done
wait "$A" "$B" "$C"
d exec flood /flood forks 3 >"$LAB_DIR/forks" 2>&1
echo "# made: $(awk '{ s += $1 } END { print s }' "$LAB_DIR/execs") programs, $(cat "$LAB_DIR/sockets") bound sockets, $(cat "$LAB_DIR/forks") forks"
all_false() { [ "$(jq -s '[.[] | select(.event == "exec" and (.process.exe | test("/false$")))] | length' "$LAB_DIR/quiet.jsonl")" = 100 ]; }
ok "the other container: each of its 100 programs is told" until_true 10 all_false
pings() { [ "$(jq -s '[.[] | select(.event == "exec" and .process.args[1] == "ping")] | length' "$LAB_DIR/quiet.jsonl")" = 5 ]; }
ok "and its five clients" until_true 5 pings
ok "nothing of it is lost: produced = delivered = received" until_true 5 ledger quiet '.events | .produced == .delivered and .delivered == .received'
ok "nor any flow of it refused" ledger quiet '.flow_table.refused_packets == 0'
cut_off() { jq -es '[.[] | select(.event == "throttle")] | any(.[]; .container == "flood" and .state == "start") and all(.[]; .container == "flood")' "$LAB_DIR/throttle.jsonl" >/dev/null; }
ok "the flood's events are cut off, and that is said" until_true 5 cut_off
ok "its balance, to the event" until_true 15 ledger flood '.events | .throttled > 0 and .produced == .delivered + .ring_lost + .throttled and .delivered == .received and .throttled_now == false'
echo "# flood: $(ledger flood tostring)"
valid() {
	python3 - "$LAB_DIR" <<'P'
import json, sys
for name, least in ("events", 200), ("flows", 100):
    lines = open(f"{sys.argv[1]}/{name}.jsonl", "rb").read().split(b"\n")[:-1]
    for line in lines:
        assert not any(b < 0x20 or b == 0x7f for b in line), line
        json.loads(line.decode("utf-8"))
    assert len(lines) >= least, (name, len(lines))
    print(f"# {name}: {len(lines)} lines")
P
}
ok "every line of events and flows is one valid JSON object" valid
valid
for what in events:event flows:flow; do
	ok "and fits its schema: ${what%:*}" sh -c "shuf -n 300 --random-source=/dev/zero '$LAB_DIR/${what%:*}.jsonl' | python3 tests/golden/schema.py lines:${what#*:}"
done
for what in status containers map listeners tree; do
	ok "$what: valid, fits its schema" sh -c "'$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' $what --json | python3 tests/golden/schema.py $what"
done
after=$(rss_kib)
echo "# programs' memory: $((before / 1024)) MiB before, $((after / 1024)) MiB after"
# What the tables may hold at most (README): 131072 flows 48 MiB, 65536 processes, 16384 listeners, waiting output
ok "memory stays within its bound" [ "$((after - before))" -lt $((160 * 1024)) ]
ok "no program was restarted" [ "$(programs_now)" = "$programs" ]
docker_end
