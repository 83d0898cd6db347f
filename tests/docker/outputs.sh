#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Alerts leave the sensor: syslog over TCP (then the receiver dies and comes back), a signed webhook that refuses at first. Its
# alerts.jsonl goes on meanwhile. (The text of each, and journald's, are tests/unit/test_outputs.c.)
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
lab_engine_start a
lab_image a pg-many
port=$((20000 + $$ % 20000))
mkdir -p "$LAB_DIR/sensor-s" "$LAB_DIR/got"
cat >"$LAB_DIR/sensor-s/config.yaml" <<-YAML
	node: s
	learning: { window_seconds: 1, windows: 4, requests: 0 }
	alerts:
	  syslog: tcp://127.0.0.1:$port
	  webhook: http://127.0.0.1:$((port + 1))/alerts
	  webhook_secret: a-secret-of-the-test
	  format: ecs
	exports:
	  lines: { to: [file, "tcp://127.0.0.1:$((port + 2))"], what: [flows, alerts, events], filter: "workload or severity" }
	  ipfix: { to: "udp://127.0.0.1:$((port + 3))" }
	  otlp: { to: "http://127.0.0.1:$((port + 1))", what: [metrics, alerts], interval: 5 }
YAML
cat >"$LAB_DIR/receivers.py" <<'PY'
import hashlib, hmac, http.server, json, os, socket, sys, threading
out, port = sys.argv[1], int(sys.argv[2])
state = {"refused": 2 if os.path.exists(out + "/webhook") else 0}
class Hook(http.server.BaseHTTPRequestHandler):
	def do_POST(self):
		body = self.rfile.read(int(self.headers["Content-Length"]))
		if self.path.startswith("/v1/"):
			with open(out + "/otlp" + self.path.replace("/", "-"), "ab") as f: f.write(body + b"\n")
			self.send_response(200); self.end_headers(); return
		if state["refused"] < 2:
			state["refused"] += 1
			self.send_response(503); self.end_headers(); return
		want = "sha256=" + hmac.new(b"a-secret-of-the-test", body, hashlib.sha256).hexdigest()
		alert = json.loads(body)
		with open(out + "/webhook", "a") as f:
			print(alert["event"]["code"], "signed" if self.headers.get("X-Pierglass-Signature") == want else "unsigned", file=f)
		self.send_response(204); self.end_headers()
	def log_message(self, *a): pass
def syslog():
	s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", port)); s.listen(5)
	while True:
		c = s.accept()[0]; f = c.makefile("rb")
		while True:
			n = b""
			while (b := f.read(1)) and b != b" ": n += b
			if not n: break
			with open(out + "/syslog", "ab") as o: o.write(f.read(int(n)) + b"\n")
def lines():
	s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", port + 2)); s.listen(5)
	while True:
		c = s.accept()[0]
		while data := c.recv(65536):
			with open(out + "/lines", "ab") as o: o.write(data)
def ipfix():
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", port + 3))
	while True:
		m = s.recv(65536)
		with open(out + "/ipfix", "a") as o: print(m[0] << 8 | m[1], (m[2] << 8 | m[3]) == len(m), b"busybox" in m or b"shop" in m or b"app" in m, file=o)
for f in (syslog, lines, ipfix): threading.Thread(target=f, daemon=True).start()
http.server.HTTPServer(("127.0.0.1", port + 1), Hook).serve_forever()
PY
receivers() {
	python3 "$LAB_DIR/receivers.py" "$LAB_DIR/got" "$port" &
	RECEIVERS=$!
	lab_defer "kill $RECEIVERS 2>/dev/null; true"
}
receivers
sensor_start s "$(lab_socket a)"
lab_docker a run -d --name app pg-many sh -c 'while sleep 0.3; do :; done' >/dev/null
learned() { sensor s model list --json | jq -e 'length == 1 and ([.[].dimensions[] | select(.state == "learning")] | length == 0)' >/dev/null; }
ok "it has learned" until_true 60 learned
lab_docker a exec app uname -a >/dev/null
ok "syslog over TCP: a whole message of RFC 5424" until_true 10 grep -aqE '^<8[0-9]>1 [0-9T:.-]+Z s pierglass [0-9]+ process.new \[pierglass@32473 .*\] .*"event":' "$LAB_DIR/got/syslog"
ok "webhook: signed, after two refusals" until_true 15 grep -q '^process.new signed$' "$LAB_DIR/got/webhook"
lines() { [ "$(grep -c . "$1")" -ge "$2" ]; }
kill "$RECEIVERS"
before=$(wc -l <"$LAB_DIR/sensor-s/state/alerts.jsonl")
lab_docker a exec app sh -c 'id; nc -l -p 9999 & sleep 0.5' >/dev/null
ok "while nobody takes them, the file goes on" until_true 5 lines "$LAB_DIR/sensor-s/state/alerts.jsonl" $((before + 1))
waiting() { sensor s status --json | jq -e '[.outputs[] | select(.queued > 0 and .error != "")] | length == 2' >/dev/null; }
ok "status says what waits, and why" until_true 10 waiting
receivers
emptied() { sensor s status --json | jq -e '[.outputs[] | select(.queued == 0 and .lost == 0 and .error == "")] | length == 2' >/dev/null; }
ok "when they are back, all of it arrives" until_true 40 emptied
each_once() {
	local n
	n=$(wc -l <"$LAB_DIR/sensor-s/state/alerts.jsonl")
	[ "$(grep -c . "$LAB_DIR/got/syslog")" = "$n" ] && [ "$(grep -c . "$LAB_DIR/got/webhook")" = "$n" ]
}
ok "none is missing, none came twice" each_once
# Exports: a connection that ends, by all of them.
lab_docker a exec app sh -c '(nc -l -p 9997 >/dev/null & sleep 0.5; echo hi | nc -w 1 127.0.0.1 9997); echo hi | nc -w 1 172.17.0.1 9 2>/dev/null; wget -q -T 1 -O - http://172.17.0.1:1/ 2>/dev/null; true' >/dev/null
record() { jq -es "any(.[]; .record == \"$2\")" "$LAB_DIR/$1" >/dev/null 2>&1; }
ok "JSON lines by TCP: events" until_true 15 record got/lines event
ok "... findings" until_true 15 record got/lines alert
ok "... flows, when they end" until_true 40 record got/lines flow
ok "the file has them, too" until_true 10 record sensor-s/state/export.jsonl flow
ok "IPFIX messages of version 10, whole, with names" until_true 40 grep -qx '10 True True' "$LAB_DIR/got/ipfix"
otlp() { jq -es "$2" "$LAB_DIR/got/otlp-v1-$1" >/dev/null 2>&1; }
ok "OTLP metrics" until_true 15 otlp metrics 'any(.[]; [.resourceMetrics[].scopeMetrics[].metrics[].name] | index("pierglass_export_sent_total"))'
ok "OTLP logs: findings" until_true 15 otlp logs 'any(.[]; [.resourceLogs[].scopeLogs[].logRecords[].attributes[].value.stringValue] | index("alert"))'
taken() { sensor s status --json | jq -e '(.exports | length) == 5 and all(.exports[]; .lost == 0 and .error == "" and .sent > 0)' >/dev/null; }
ok "status: all five sent, none lost" until_true 10 taken
ok "alerts --format ocsf" eval 'sensor s alerts --format ocsf | jq -es ".[0] | length >= 2 and all(.[]; .class_uid == 2004)" >/dev/null'
docker_end
