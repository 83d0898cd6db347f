#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long from a container's start (State.StartedAt) until its first flow stands in `pierglass flows -f` with both names.
# A real engine of its own (tests/lab), ten short containers whose first act is a connection. Last line: JSON.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/../../tests/docker/lib.sh"

count=10
reason=$(lab_cannot) && { echo "$reason" >&2; exit 1; }
lab_begin
lab_engine_start one
lab_image one pg-tiny
lab_docker one network create bench >/dev/null
lab_docker one run -d --name server --network bench pg-tiny /bin/server sink tcp 7000 64 >/dev/null || exit 1
sensor_start bench "$(lab_socket one)" >&2
addr=$(lab_docker one inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' server)

# Each line with the time of its arrival; the reader must not start a program per line.
stamped() {
	local line
	while IFS= read -r line; do
		printf '%s %s\n' "${EPOCHREALTIME/./}" "$line"
	done
}
stamped < <(exec "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-bench/run" flows -f --json) >"$LAB_DIR/flows" &
reader=$!
lab_defer "kill $reader 2>/dev/null"
sleep 0.5
for i in $(seq "$count"); do
	lab_docker one run --name "client$i" --network bench pg-tiny /bin/client send tcp "$addr" 7000 64 >/dev/null
done
sleep 1.5
for i in $(seq "$count"); do
	printf '%s %s\n' "client$i" "$(lab_docker one inspect -f '{{.State.StartedAt}}' "client$i")"
done >"$LAB_DIR/starts"
python3 - "$LAB_DIR/starts" "$LAB_DIR/flows" <<'EOF'
import datetime
import json
import re
import statistics
import sys

first = {}
with open(sys.argv[2], encoding="utf-8") as f:
    for line in f:
        at, text = line.split(" ", 1)
        flow = json.loads(text)
        if flow["server"]["container"] == "server":
            first.setdefault(flow["client"]["container"], int(at) / 1e6)
delays = []
with open(sys.argv[1], encoding="utf-8") as f:
    starts = [line.split() for line in f]
for name, start in starts:
    start = re.sub(r"(\.\d{6})\d*Z$", r"\1+00:00", start)
    if name in first:
        delays.append((first[name] - datetime.datetime.fromisoformat(start).timestamp()) * 1000)
if not delays:
    sys.exit("no named flow was seen")
print(json.dumps({"count": len(delays), "not_seen": len(starts) - len(delays), "median_ms": statistics.median(delays),
                  "max_ms": max(delays)}))
EOF
