#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What containers' processes do, as events: exec with arguments and scripts, docker exec, listeners, connections, raw sockets,
# first uses of system calls; hostile names as valid JSON; the tree of a container.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

lab_engine_start a
lab_image a pg-many pg-tiny
lab_docker a network create --subnet 172.28.0.0/24 net >/dev/null
lab_docker a run -d --name before --network net pg-many sh -c 'sleep 1000 & exec redis-server --bind 0.0.0.0 --protected-mode no --save ""' >/dev/null
sensor_start s "$(lab_socket a)"
ok "the containers are known" until_true 10 sensor_knows_all s a
LOG=$LAB_DIR/events.jsonl
timeout 120 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json events >"$LOG" 2>"$LAB_DIR/events.err" &
READER=$!
lab_defer "kill $READER 2>/dev/null"
sleep 1

# event FILTER: an event that matches a jq condition came (within 5 s)
have() { jq -es --argjson x "${2:-null}" "any(.[]; $1)" "$LOG" >/dev/null; }
event() { ok "$1" until_true 5 have "$2" "${3:-null}"; }

lab_docker a run -d --name web --network net pg-many sh -c 'nginx -g "daemon off;"' >/dev/null
event "a container's first process" '.event == "exec" and .container == "web" and (.process.exe | endswith("sh")) and .process.args[1] == "-c" and .entered == false'
event "its child, with its ancestors" '.event == "exec" and .container == "web" and .process.exe == "/usr/sbin/nginx" and .process.args == ["nginx", "-g", "daemon off;"] and .entered == false'
event "its listener" '.event == "listen" and .container == "web" and .port == 80 and .l4 == "tcp" and .process.exe == "/usr/sbin/nginx"'
event "a first system call, named" '.event == "syscall" and .container == "web" and .syscall == "listen" and .process.exe == "/usr/sbin/nginx" and .runtime == false'
event "the runtime'\''s own calls are told apart" '.event == "syscall" and .syscall == "pivot_root" and .runtime or (.event == "exec" and .container == "web")'
not_runtime() { ! have '.event == "syscall" and .container == "web" and .runtime == false and (.syscall == "pivot_root" or .syscall == "setns" or .syscall == "mount")'; }
ok "no call of the runtime is taken for the workload's" not_runtime

printf '#!/bin/sh\ncurl -s -u me:hunter2 http://before:6379/ >/dev/null; true\n' | lab_docker a exec -i web sh -c 'cat >/tmp/go.sh'
lab_docker a exec web sh -c 'chmod 755 /tmp/go.sh; /tmp/go.sh --token abc123 "two words"' >/dev/null 2>&1
event "docker exec is an entry from outside" '.event == "exec" and .container == "web" and .entered and (.process.args | index("-c")) and (.process.exe | test("sh$"))'
event "a script and its interpreter" '.event == "exec" and .process.script == "/tmp/go.sh" and (.process.exe | test("sh$")) and .entered == false'
event "a secret is not kept" '.event == "exec" and (.process.args | index("--token")) and (.process.args | index("[redacted]")) and (.process.args | index("two words"))'
no_secret() { ! grep -q 'hunter2\|abc123' "$LOG"; }
event "the child of the script" '.event == "exec" and .process.exe == "/usr/bin/curl" and (.process.args | index("[redacted]"))'
event "its connection" '.event == "connect" and .container == "web" and .process.exe == "/usr/bin/curl" and .port == 6379 and .attribution == "exact"'
ok "no secret anywhere" no_secret

lab_docker a exec --privileged web perl -e 'use Socket; socket(my $s, 17, SOCK_RAW, 0x0300) or die; socket(my $r, PF_INET, SOCK_RAW, 1) or die;' >/dev/null 2>&1 ||
	lab_docker a exec web perl -e 'use Socket; socket(my $s, 17, SOCK_RAW, 0x0300) or die; socket(my $r, PF_INET, SOCK_RAW, 1) or die;'
event "a packet socket" '.event == "raw-socket" and .container == "web" and .family == "packet" and (.process.exe | endswith("perl"))'
event "a raw socket" '.event == "raw-socket" and .container == "web" and .family == "inet" and .l4 == "icmp"'

# -- hostile names: newline, ESC, U+2028, no UTF-8, script, 64 KiB
lab_docker a exec web sh -c 'cd /tmp; n=$(printf "e\nv\033[31m\342\200\250\377<script>"); cp /bin/true "$n"; "./$n" "$(printf "a\nb\033]0;x\007")" "$(head -c 65000 /dev/zero | tr "\0" A)"' >/dev/null 2>&1
event "a hostile name" '.event == "exec" and (.process.exe | test("^/tmp/e.x0av.x1b.31m\u2028\ufffd<script>$"))'
event "64 KiB of argument are cut, and that is said" '.event == "exec" and .process.args_cut and (.process.args[1] | test("x0ab.x1b"))'
valid() { python3 - "$LOG" <<'P'
import json, sys
n = 0
for line in open(sys.argv[1], "rb").read().split(b"\n")[:-1]:
    assert not any(b < 0x20 for b in line), line
    json.loads(line.decode("utf-8"))
    n += 1
assert n > 20, n
P
}
ok "every line is one valid JSON object" valid
ok "every line fits its schema" sh -c "head -n 400 '$LOG' | python3 tests/golden/schema.py lines:event"

tree() { sensor s tree "$1" --json | jq -e "$2" >/dev/null; }
ok "tree: the server, its workers below it, its listener" tree web '.[0].processes as $p | ($p | map(select(.exe == "/usr/sbin/nginx"))) as $n | ($n | length) >= 2 and any($n[]; .listeners | length > 0) and any($n[]; .parent_pid == ($n[0].pid))'
ok "tree: arguments of processes that were there before the sensor" tree before 'any(.[0].processes[]; .args == ["sleep", "1000"]) and any(.[0].processes[]; (.exe | endswith("redis-server")) or (.exe | endswith("redis-check-rdb")))'
ok "tree fits its schema" sh -c "'$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' tree --json | python3 tests/golden/schema.py tree"
ok "tree of no container is refused" sh -c "'$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' tree nobody; [ \$? = 4 ]"
kill "$READER" 2>/dev/null
docker_end
