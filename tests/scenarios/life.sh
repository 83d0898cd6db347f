#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Silent life (set B): what happens every day to containers that are monitored raises nothing. Each entry once; FULL=1: 20 turns,
# which may be spread over several runs: turns that are done stand in LIFE_PROGRESS (default /var/cache/pierglass/life-turns;
# remove it to begin anew).
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"
turns=1
progress=/dev/null
if [ -n "${FULL:-}" ]; then
	turns=20
	progress=${LIFE_PROGRESS:-/var/cache/pierglass/life-turns}
	touch "$progress" || progress=/dev/null
fi
docker_begin
lab_outside a
lab_engine_start a
lab_image a pg-many pg-web
d network create --ipv6 --subnet 172.31.0.0/16 --subnet fd31::/64 front >/dev/null
d network create side >/dev/null
scenario_config s
sensor_start s "$(lab_socket a)"
case_id=life
served() { # NAME: an Apache that is health-checked and published
	d run -d --name "$1" --network front --label com.docker.compose.project=life --label com.docker.compose.service=web "${@:2}" \
		--health-cmd 'curl -sf -o /dev/null http://localhost/' --health-interval 1s pg-web sh -c \
		'sleep infinity & setsid -w apache2ctl -DFOREGROUND; wait' >/dev/null
}
client() { d run -d --name "$1" --network front --label com.docker.compose.project=life --label com.docker.compose.service=client pg-many \
	sh -c 'sleep 1; while sleep 0.4; do curl -s -m 2 -o /dev/null http://life-web/; done' >/dev/null; }
cat >"$LAB_DIR/rotor.py" <<'PY'
# a name server that gives one of 20 addresses for any name, and a page behind each
import http.server, itertools, socket, threading
turn = itertools.count()
def names():
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("203.0.113.9", 53))
	while True:
		q, who = s.recvfrom(512)
		end = q.index(b"\0", 12) + 5
		a = b"" if q[end - 4:end - 2] != b"\0\1" else b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + bytes([203, 0, 113, 101 + next(turn) % 20])
		s.sendto(q[:2] + b"\x81\x80\0\1\0" + (b"\1" if a else b"\0") + b"\0\0\0\0" + q[12:end] + a, who)
def sink():
	s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("203.0.113.9", 8732)); s.listen(5)
	while True:
		c = s.accept()[0]
		while c.recv(1 << 20): pass
class Page(http.server.SimpleHTTPRequestHandler):
	def log_message(self, *a): pass
for f in (names, sink): threading.Thread(target=f, daemon=True).start()
http.server.ThreadingHTTPServer(("", 8081), Page).serve_forever()
PY
for i in $(seq 101 120); do lab_in outside ip addr add "203.0.113.$i/24" dev eth0; done
(cd "$LAB_DIR" && lab_in outside setsid python3 "$LAB_DIR/rotor.py" >/dev/null 2>&1 & echo $! >"$LAB_DIR/rotor.pid")
lab_defer sh -c "kill \$(cat $LAB_DIR/rotor.pid) 2>/dev/null; true"
mkdir -p "$LAB_DIR/certs"
echo first >"$LAB_DIR/certs/site.pem"
served life-web -p 18080:80 -v "$LAB_DIR/certs:/etc/ssl/site:ro"
client life-client
run updates --dns 203.0.113.9 pg-many sh -c 'while sleep 0.4; do curl -s -m 2 -o /dev/null http://updates.example.org:8081/; done'
# shellcheck disable=SC2218 # run is not the one of bats: the word after it names a container
run backup pg-many sh -c 'while sleep 1; do [ ! -e /tmp/now ] || { n=$(cat /tmp/now); rm -f /tmp/now; head -c "$n" /dev/zero | nc -N -w 3 203.0.113.9 8732; }; done'
for n in 50000000 40000000 50000000; do (sleep 1; d exec life-backup sh -c "echo $n >/tmp/now"; sleep 3); done &
run v6 --cap-add NET_ADMIN pg-many sh -c 'while sleep 0.5; do ip -6 -o addr >/dev/null; curl -6 -s -m 2 -o /dev/null http://life-web/; done'
run cron pg-many sh -c 'while sleep 0.5; do gzip -c /etc/passwd >/tmp/x.gz; done'
sleep 2
in_ web sh -c "mv /var/log/apache2/access.log /var/log/apache2/access.log.1; apache2ctl graceful"
d restart -t 1 life-client >/dev/null
lab_in outside curl -s -m 2 -o /dev/null http://203.0.113.1:18080/
wait $!
if until_true 120 learned_all 6; then pass "learning ends by itself"; else flunk "learning ends by itself" "$(still_learning)"; fi

rotation() { in_ web apache2ctl graceful; }
recreate() { d rm -f life-client >/dev/null && client life-client; }
scale() {
	local i
	for i in 2 3 4 5; do served "life-web$i"; done
	sleep 2
	for i in 2 3 4 5; do d rm -f "life-web$i" >/dev/null; done
}
rolling() { d restart -t 2 life-web >/dev/null; }
sensor_restart() { sensor_stop s && sensor_start s "$(lab_socket a)"; }
connect() { d network connect side life-web && sleep 0.5 && d network disconnect side life-web; }
rename() { d rename life-cron life-cron-x && sleep 0.5 && d rename life-cron-x life-cron; }
storm() { in_ client sh -c 'i=0; while [ $i -lt 40 ]; do curl -s -m 2 -o /dev/null http://life-web/ & i=$((i + 1)); done; wait'; }
down() { d stop -t 1 life-web >/dev/null; sleep 2; d start life-web >/dev/null; } # clients retry against nobody
visitors() {
	local i
	for i in 21 22 23 24 25; do
		ip -n "$(lab_ns outside)" addr add "203.0.113.$i/24" dev eth0 2>/dev/null
		lab_in outside curl -s -m 2 --interface "203.0.113.$i" -o /dev/null http://203.0.113.1:18080/ || true
	done
	return 0
}
loss() { # 5 % of packets, then none
	lab_in a nft -f - <<-END
		table netdev life_loss { chain i { type filter hook ingress device out0 priority 0; numgen random mod 100 < 5 drop; }; }
	END
	visitors
	lab_in a nft delete table netdev life_loss
}
again_up() { # what an engine's restart stopped, in the order of its dependencies
	local i
	for i in life-web life-client life-cron life-updates life-backup life-v6; do d start "$i" >/dev/null || return 1; done
}
engine() { lab_engine_restart a && again_up; }
upgrade() { # the same programs from another place, as a new package brings them
	local old=$LAB_BUILD
	sensor_stop s
	mkdir -p "$LAB_DIR/newer"
	cp "$old"/pierglass* "$LAB_DIR/newer/" 2>/dev/null
	LAB_BUILD=$LAB_DIR/newer sensor_start s "$(lab_socket a)"
}
rebuild() { # a new image with another page, the same workload
	d run --name life-build pg-web sh -c 'echo new >/var/www/html/index.html' && d commit life-build pg-web-next >/dev/null && d rm life-build >/dev/null
	d rm -f life-web >/dev/null
	d run -d --name life-web --network front --label com.docker.compose.project=life --label com.docker.compose.service=web -p 18080:80 \
		-v "$LAB_DIR/certs:/etc/ssl/site:ro" --health-cmd 'curl -sf -o /dev/null http://localhost/' --health-interval 1s pg-web-next sh -c \
		'sleep infinity & setsid -w apache2ctl -DFOREGROUND; wait' >/dev/null
	sleep 3
}
certificate() { # renewed from outside, then the server takes it
	echo "renewed $RANDOM" >"$LAB_DIR/certs/site.pem.new" && mv "$LAB_DIR/certs/site.pem.new" "$LAB_DIR/certs/site.pem"
	in_ web apache2ctl graceful
}
backup() { in_ backup sh -c 'echo 60000000 >/tmp/now' && sleep 3; }
rotor() { sleep 3; } # life-updates goes from address to address all the time
before_dependency() { d stop -t 1 life-web >/dev/null && d restart -t 1 life-client >/dev/null && sleep 2 && d start life-web >/dev/null; }
time_wait() { in_ client sh -c 'for i in 1 2 3 4 5 6; do curl -s -m 2 --local-port 41000-41001 -o /dev/null http://life-web/; done; true'; }
privacy() { # temporary addresses: of a container, and of visitors
	local i
	for i in 1 2 3; do in_ v6 ip -6 addr add "fd31::5000:$RANDOM:$i/64" dev eth0 nodad preferred_lft 30 valid_lft 60; done
	sleep 1
	for i in 31 32 33 34; do
		ip -n "$(lab_ns outside)" addr add "2001:db8:113::$i/64" dev eth0 nodad 2>/dev/null
		lab_in outside curl -g -s -m 2 --interface "2001:db8:113::$i" -o /dev/null 'http://[2001:db8:113::1]:18080/' || true
	done
	return 0
}
logs() { in_ web sh -c 'mv /var/log/apache2/access.log /var/log/apache2/access.log.1; apache2ctl graceful'; }
paused() { d pause life-cron && sleep 1 && d unpause life-cron; }
total=0
entries="rotation logs recreate scale rolling sensor_restart upgrade connect rename storm down visitors loss paused certificate backup rotor before_dependency"
entries+=" time_wait privacy engine rebuild"
for turn in $(seq "$turns"); do
	grep -qx "$turn" "$progress" && continue
	for entry in ${LIFE_ENTRIES:-$entries}; do
		since=$(now_iso)
		"$entry" >"$LAB_DIR/life-$entry" 2>&1 || flunk "$entry runs" "$(tail -n 5 "$LAB_DIR/life-$entry")"
		sleep 2
		ok "silent: $entry ($turn)" no_alerts "$since"
		total=$((total + $(alerts_since "$since" | awk '$7 == "-"' | wc -l)))
	done
	[ "$progress" = /dev/null ] || echo "$turn" >>"$progress"
done
echo "# silent life: $(wc -w <<<"$entries") entries, $turns turns, $total findings"
docker_end
