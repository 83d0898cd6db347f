#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The programs built with ASan and UBSan, at work on a real engine: a storm of programs, connections, files and hostile names.
# Nothing that the sanitizers report, no program that ends, every output as its schema says. (They run under the wider filter
# of DECISIONS 17; the unsanitised sandbox is in every other test.)
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

H=$LAB_BUILD/tests/helpers
SAN_BUILD=$LAB_TOP/build-address-undefined
if ! make -s -C "$LAB_TOP" SAN=address,undefined -j"$(nproc)" all >"$LAB_DIR/make.log" 2>&1; then
	flunk "the programs are built with sanitizers" "$(tail -5 "$LAB_DIR/make.log")"
	docker_end
	exit 1
fi
lab_engine_start a
lab_image a pg-many pg-tiny
d() { lab_docker a "$@"; }
d network create --subnet 172.26.0.0/24 net >/dev/null
d run -d --name server --network net --ip 172.26.0.10 --security-opt seccomp=unconfined -v "$H/short_lived:/short_lived:ro" pg-many /short_lived serve pass 7000 3 >/dev/null
d run -d --name busy --network net --cap-add SYS_ADMIN --security-opt seccomp=unconfined -v "$H/short_lived:/short_lived:ro" -v "$H/flood:/flood:ro" pg-many sleep infinity >/dev/null
LAB_BUILD=$SAN_BUILD
export ASAN_OPTIONS=detect_leaks=0 # ptrace is not for programs in a sandbox
sensor_start s "$(lab_socket a)"
ok "the sanitised sensor starts and knows the containers" until_true 30 sensor_knows_all s a
programs_now() { sensor s status --json | jq -c '[.programs[] | select(.running) | [.name, .pid]] | sort'; }
programs=$(programs_now)
timeout 200 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json events >"$LAB_DIR/events.jsonl" 2>"$LAB_DIR/events.err" &
lab_defer "kill $! 2>/dev/null"
timeout 200 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json flows -f >"$LAB_DIR/flows.jsonl" 2>"$LAB_DIR/flows.err" &
lab_defer "kill $! 2>/dev/null"
sleep 1

d exec busy /short_lived connect 172.26.0.10 7000 600 6 >/dev/null 2>&1 &
A=$!
d exec busy /flood execs 4 2 >/dev/null 2>&1 &
B=$!
d exec busy sh -c 'redis-server --port 6400 --save "" >/dev/null & nginx; mount -t tmpfs none /mnt; for i in $(seq 60); do cp /bin/true "/mnt/$(printf "\\n\\033\\377%d" $i)"; "/mnt/$(printf "\\n\\033\\377%d" $i)"; done
	curl -s http://127.0.0.1/ http://172.26.0.10:7000/ -m 1; redis-cli -p 6400 set a b; python3 -c "import socket; s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for i in range(300)]; [x.bind((\"\", 0)) for x in s]"
	for i in $(seq 100); do echo x >"/tmp/f$i"; done' >/dev/null 2>&1
for i in 1 2 3 4 5; do d run --rm --network net pg-tiny /bin/client once tcp 172.26.0.10 7000 >/dev/null 2>&1; done
d exec busy /flood sockets 3000 1 >/dev/null 2>&1
wait "$A" "$B"
d exec busy /short_lived datagrams 172.26.0.10 7001 100 >/dev/null 2>&1
sleep 2
for what in status containers map flows listeners tree alerts; do
	ok "$what fits its schema" sh -c "'$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' $what --json | python3 tests/golden/schema.py $what"
done
d rm -f server >/dev/null
many() { [ "$(wc -l <"$LAB_DIR/events.jsonl")" -gt 800 ] && [ "$(wc -l <"$LAB_DIR/flows.jsonl")" -gt 500 ]; }
ok "what happened was told" until_true 10 many
ok "no program ended" [ "$(programs_now)" = "$programs" ]
sensor_stop s
nothing() { ! grep -nE 'AddressSanitizer|runtime error|LeakSanitizer|SUMMARY:' "$LAB_DIR/sensor-s/log" "$LAB_DIR/events.err" "$LAB_DIR/flows.err"; }
ok "the sanitizers report nothing" nothing
docker_end
