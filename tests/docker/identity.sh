#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Identity over time: pids, container names and addresses that are used again and again, in short succession, by others.
# Every flow and every program must be the one's who had them then. FULL=1: 1,000 lives of one name and address.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

STORM=${STORM:-1000}
LIVES=${LIVES:-$([ -n "${FULL:-}" ] && echo 1000 || echo 30)}
lab_engine_start a
lab_image a pg-many pg-tiny
d() { lab_docker a "$@"; }
d network create --subnet 172.27.0.0/24 net >/dev/null
H=$LAB_BUILD/tests/helpers
d run -d --name server --network net --ip 172.27.0.2 --pid host --security-opt seccomp=unconfined -v "$H/short_lived:/short_lived:ro" pg-many /short_lived serve prefork 7000 3 >/dev/null
# one program under two names, so that a wrong owner shows
for c in alpha beta; do
	d run -d --name "$c" --network net --pid host --cap-add SYS_ADMIN --security-opt seccomp=unconfined -v "$H/pid_reuse:/$c:ro" pg-many sleep infinity >/dev/null
done
sensor_start s "$(lab_socket a)"
ok "the containers are known" until_true 10 sensor_knows_all s a
LOG=$LAB_DIR/flows.jsonl EVENTS=$LAB_DIR/events.jsonl
timeout 1300 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json flows -f >"$LOG" 2>"$LAB_DIR/flows.err" &
lab_defer "kill $! 2>/dev/null"
timeout 1300 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json events --kind exec >"$EVENTS" 2>"$LAB_DIR/events.err" &
lab_defer "kill $! 2>/dev/null"
sleep 1

# -- pids: both containers take turns with the same four numbers of the node
pids=()
first=$(($(cat /proc/sys/kernel/pid_max) - 40))
for c in alpha beta; do
	d exec "$c" "/$c" 172.27.0.2 7000 "$STORM" "$first" 4 >"$LAB_DIR/truth.$c" 2>"$LAB_DIR/err.$c" &
	pids[${#pids[@]}]=$!
done
for p in "${pids[@]}"; do
	wait "$p" || flunk "the storm of pids runs" "$(head -3 "$LAB_DIR"/err.*)"
done
cat >"$LAB_DIR/pids.py" <<'P'
import json, sys
log, events, dir = sys.argv[1:4]
truth = {}
for c in ("alpha", "beta"):
    for line in open(f"{dir}/truth.{c}"):
        port, pid = map(int, line.split())
        truth.setdefault((c, port), set()).add(pid)
flows, wrong, exact = {}, [], 0
for line in open(log, encoding="utf-8", errors="replace"):
    f = json.loads(line)
    if f["l4"] == "tcp" and f["dport"] == 7000:
        flows[(f["client"]["container"], f["sport"])] = f
for key, f in flows.items():
    c = f["client"]
    if c["attribution"] == "exact" and (key not in truth or c["pid"] not in truth[key] or c["exe"] != "/" + key[0]):
        wrong.append((key, c["pid"], c["exe"], truth.get(key)))
    exact += key in truth and c["attribution"] == "exact"
have = sum(k in flows for k in truth)
for line in open(events, encoding="utf-8", errors="replace"):
    e = json.loads(line)
    if e["process"]["exe"] in ("/alpha", "/beta") and e["process"]["exe"] != "/" + e["container"]:
        wrong.append(("exec", e["container"], e["process"]["exe"]))
numbers = {p for v in truth.values() for p in v}
print(f"# {len(truth)} connections by {len(numbers)} pids: {have} flows, {exact} attributed, {len(wrong)} wrong")
for w in wrong[:5]:
    print("#", w)
sys.exit(0 if not wrong and len(numbers) == 4 and len(truth) > 100 and exact >= len(truth) * 0.999 else 1)
P
pids_right() { python3 "$LAB_DIR/pids.py" "$LOG" "$EVENTS" "$LAB_DIR"; }
ok "2 x $STORM processes that share four pids: each connection and program is its own container's" until_true 10 pids_right
pids_right

# -- one name and one address, again and again, by another workload each time; the port that it calls says which life it is
# (asked of the engine directly: its client's own start and end are a third of the time)
cat >"$LAB_DIR/live.py" <<'P'
import http.client, json, socket, sys
path, count, out = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], "w")
class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
engine = Engine("engine", timeout=60)
def ask(method, where, body=None):
    engine.request(method, "/v1.40/containers/" + where, json.dumps(body), {"Content-Type": "application/json"})
    answer = engine.getresponse()
    text = answer.read()
    assert answer.status < 300, (method, where, answer.status, text)
    return json.loads(text) if text else None
for i in range(count):
    exe, project = "/bin/" + ("server" if i % 2 else "client"), f"p{i % 3}"
    cid = ask("POST", "create?name=same", {
        "Image": "pg-tiny", "Cmd": [exe, "once", "tcp", "172.27.0.2", str(20000 + i)],
        "Labels": {"com.docker.compose.project": project, "com.docker.compose.service": "same"},
        "HostConfig": {"NetworkMode": "net"},
        "NetworkingConfig": {"EndpointsConfig": {"net": {"IPAMConfig": {"IPv4Address": "172.27.0.9"}}}}})["Id"]
    ask("POST", cid + "/start")
    ask("POST", cid + "/wait")
    ask("DELETE", cid + "?force=1")
    print(20000 + i, cid, project + "/same", exe, file=out)
P
start=$(date +%s%N)
ok "the engine ran them" timeout 900 python3 "$LAB_DIR/live.py" "$(lab_socket a)" "$LIVES" "$LAB_DIR/lives"
echo "# one life in $((($(date +%s%N) - start) / 1000000 / LIVES)) ms"
cat >"$LAB_DIR/lives.py" <<'P'
import json, sys
log, events, lives = sys.argv[1:4]
truth = {int(a): (b, c, d) for a, b, c, d in (l.split() for l in open(lives))}
flows, wrong, programs = {}, [], {}
for line in open(log, encoding="utf-8", errors="replace"):
    f = json.loads(line)
    if f["dport"] in truth:
        flows[f["dport"]] = f
for port, f in flows.items():
    c = f["client"]
    have = (c["container_id"], c["workload"], c["exe"])
    if have != truth[port] or c["container"] != "same":
        wrong.append((port, have, truth[port]))
for line in open(events, encoding="utf-8", errors="replace"):
    e = json.loads(line)
    if e["container"] == "same":
        programs.setdefault(e["container_id"], set()).add((e["workload"], e["process"]["exe"]))
for port, (cid, workload, exe) in truth.items():
    if programs.get(cid) != {(workload, exe)}:
        wrong.append((port, cid, programs.get(cid), (workload, exe)))
print(f"# {len(truth)} lives of one name: {len(flows)} flows, {len(programs)} with their program, {len(wrong)} wrong")
for w in wrong[:5]:
    print("#", w)
sys.exit(0 if not wrong and len(flows) == len(truth) else 1)
P
lives_right() { python3 "$LAB_DIR/lives.py" "$LOG" "$EVENTS" "$LAB_DIR/lives"; }
ok "$LIVES lives of one name and one address: each flow and program is told of the right one" until_true 15 lives_right
lives_right
docker_end
