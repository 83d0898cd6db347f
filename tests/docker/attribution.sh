#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who did it: 10,000 connections of processes that live some milliseconds, made in five ways, served by processes other than
# those who listen; every flow's two processes against what the processes themselves said. At least 99.9 % must be
# attributed, and none to a wrong process.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

EACH=${EACH:-2500}
lab_engine_start a
lab_image a pg-many
lab_docker a network create --subnet 172.26.0.0/24 net >/dev/null
# in the node's pid namespace: what the programs say of themselves is what the sensor should say
run() { lab_docker a run -d --name "$1" --pid host --security-opt seccomp=unconfined --network net --ip "$2" --sysctl net.ipv4.tcp_fastopen=3 --sysctl 'net.ipv4.ping_group_range=0 1000' \
	-v "$LAB_BUILD/tests/helpers/short_lived:/short_lived:ro" pg-many "${@:3}" >/dev/null || lab_fail "docker run $1"; }
n=10
for how in prefork reuseport fork pass; do
	run "$how" 172.26.0.$n /short_lived serve "$how" 7000 4
	n=$((n + 1))
done
run clients 172.26.0.5 sleep infinity
sensor_start s "$(lab_socket a)"
ok "the containers are known" until_true 10 sensor_knows_all s a
LOG=$LAB_DIR/flows.jsonl
timeout 300 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json flows -f >"$LOG" 2>"$LAB_DIR/flows.err" &
READER=$!
lab_defer "kill $READER 2>/dev/null"
sleep 1

n=10
for how in prefork reuseport fork pass; do
	lab_docker a exec clients /short_lived connect "172.26.0.$n" 7000 "$EACH" 8 >"$LAB_DIR/truth.$how" 2>"$LAB_DIR/truth.err" ||
		flunk "the clients of $how" "$(head -3 "$LAB_DIR/truth.err")"
	n=$((n + 1))
done
lab_docker a exec clients /short_lived datagrams 172.26.0.10 7001 500 >"$LAB_DIR/truth.datagrams" 2>"$LAB_DIR/truth.err" || flunk "the datagrams" "$(head -3 "$LAB_DIR/truth.err")"
grep -v ping "$LAB_DIR/truth.datagrams" >"$LAB_DIR/truth.udp"
grep ping "$LAB_DIR/truth.datagrams" >"$LAB_DIR/truth.icmp"
sleep 8 # closed flows are told 5 s after their end
kill "$READER" 2>/dev/null
wait "$READER" 2>/dev/null
cat "$LAB_DIR/flows.err"
cat >"$LAB_DIR/judge.py" <<'P'
import json, sys
log, how, server, truth, both = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5] == "both"
want = {}
for line in open(truth):
    port, maker, served, way, us = line.split()
    want.setdefault(int(port), []).append((int(maker), int(served), way, int(us)))
flows = {}
for line in open(log, encoding="utf-8", errors="replace"):
    f = json.loads(line)
    if f["dst"] == server and f["l4"] == ("tcp" if both else how):
        old = flows.get(f["sport"])
        if not old or f["event"] == "closed" or old["event"] != "closed":
            flows[f["sport"]] = f
total = len(want)  # ports: one that was used twice is one flow
lived = sorted(t[3] for v in want.values() for t in v)
have = client = serving = 0
wrong, how_sure, missed = [], {}, {}
for port, f in flows.items():
    if port not in want:
        continue
    have += 1
    truths = want[port]
    c, s = f["client"], f["server"]
    how_sure[s["attribution"]] = how_sure.get(s["attribution"], 0) + 1
    if c["attribution"] == "exact":
        if any(c["pid"] == t[0] for t in truths) and c["exe"] == "/short_lived":
            client += 1
        else:
            wrong.append(("client", port, c["pid"], c["exe"], truths))
    else:
        missed[truths[0][2]] = missed.get(truths[0][2], 0) + 1
    if not both:
        continue
    if s["attribution"] == "exact":
        if any(s["pid"] == t[1] for t in truths):
            serving += 1
        else:
            wrong.append(("server", port, s["pid"], s["exe"], truths))
print("# %s: %d connections, %d flows, client attributed %d, server %d, wrong %d; server by %s; missed %s; median life %d us, 99%% %d us" % (
    how, total, have, client, serving, len(wrong), how_sure, missed, lived[len(lived) // 2], lived[len(lived) * 99 // 100]))
for w in wrong[:5]:
    print("# wrong:", w)
sys.exit(0 if total and not wrong and have >= total * 0.999 and client >= total * 0.999 and (not both or serving >= total * 0.999) else 1)
P
n=10
for how in prefork reuseport fork pass; do
	ok "$how: 99.9 % attributed at both ends, none wrongly" python3 "$LAB_DIR/judge.py" "$LOG" "$how" "172.26.0.$n" "$LAB_DIR/truth.$how" both
	python3 "$LAB_DIR/judge.py" "$LOG" "$how" "172.26.0.$n" "$LAB_DIR/truth.$how" both | head -1
	n=$((n + 1))
done
for l4 in udp icmp; do
	ok "$l4: 99.9 % attributed at the sender, none wrongly" python3 "$LAB_DIR/judge.py" "$LOG" "$l4" 172.26.0.10 "$LAB_DIR/truth.$l4" client
	python3 "$LAB_DIR/judge.py" "$LOG" "$l4" 172.26.0.10 "$LAB_DIR/truth.$l4" client | head -1
done
docker_end
