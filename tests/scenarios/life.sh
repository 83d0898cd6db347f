#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Silent life (set B): what happens every day to containers that are monitored raises nothing. Each entry once; FULL=1: 20 times.
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"
turns=1
[ -z "${FULL:-}" ] || turns=20
docker_begin
lab_outside a
lab_engine_start a
lab_image a pg-many pg-web
d network create --subnet 172.31.0.0/16 front >/dev/null
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
served life-web -p 18080:80
client life-client
run cron pg-many sh -c 'while sleep 0.5; do gzip -c /etc/passwd >/tmp/x.gz; done'
sleep 2
in_ web apache2ctl graceful
d restart -t 1 life-client >/dev/null
lab_in outside curl -s -m 2 -o /dev/null http://203.0.113.1:18080/
if until_true 90 learned_all 3; then pass "learning ends by itself"; else flunk "learning ends by itself" "$(still_learning)"; fi

rotation() { in_ web apache2ctl graceful; }
recreate() { d rm -f life-client >/dev/null && client life-client; }
scale() {
	local i
	for i in 2 3; do served "life-web$i"; done
	sleep 2
	for i in 2 3; do d rm -f "life-web$i" >/dev/null; done
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
		ip -n "$(lab_ns outside)" addr add "203.0.113.$i/24" dev eth0
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
paused() { d pause life-cron && sleep 1 && d unpause life-cron; }
total=0
for turn in $(seq "$turns"); do
	for entry in rotation recreate scale rolling sensor_restart connect rename storm down visitors loss paused; do
		since=$(now_iso)
		"$entry" >"$LAB_DIR/life-$entry" 2>&1 || flunk "$entry runs" "$(tail -n 5 "$LAB_DIR/life-$entry")"
		sleep 2.5
		ok "silent: $entry ($turn)" no_alerts "$since"
		total=$((total + $(alerts_since "$since" | awk '$7 == "-"' | wc -l)))
		[ "$turn" -lt 20 ] && ip -n "$(lab_ns outside)" addr flush dev eth0 scope global 2>/dev/null
		ip -n "$(lab_ns outside)" addr add 203.0.113.9/24 dev eth0 2>/dev/null
	done
done
echo "# silent life: $((turns * 12)) runs, $total findings"
docker_end
