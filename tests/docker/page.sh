#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The page in a real browser, on a real sensor: a small stack learns; a squatter takes its port; containers with hostile names,
# labels and Host headers are there the whole time. tests/docker/page.py drives chromium and judges. Screenshots: build/page-*.png.
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/../scenarios/lib.sh"
docker_begin
lab_engine_start a
lab_image a pg-many pg-web
port=$((20000 + $$ % 20000))
token=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
case_id=p
scenario_config s
(umask 077 && printf '%s\n' "$token" >"$LAB_DIR/sensor-s/token")
printf 'api: { listen: "127.0.0.1:%s", token_file: %s }\n' "$port" "$LAB_DIR/sensor-s/token" >>"$LAB_DIR/sensor-s/config.yaml"
d network create --subnet 172.31.0.0/16 front >/dev/null
sensor_start s "$(lab_socket a)"
label() { printf -- '--label com.docker.compose.project=%s --label com.docker.compose.service=%s' "$1" "$2"; }
hostile='"><img src=x onerror=alert(1)><script>alert(2)</script>'
run web --label com.docker.compose.project=shop --label com.docker.compose.service=web pg-web sh -c 'sleep infinity & setsid -w apache2ctl -DFOREGROUND; wait'
run c --label com.docker.compose.project=shop --label com.docker.compose.service=client pg-many sh -c 'while sleep 0.4; do curl -s -m 2 -o /dev/null http://p-web/; done'
run h --label "com.docker.compose.project=$hostile" --label "com.docker.compose.service=$hostile" --env "X=$hostile" pg-many \
	sh -c 'cp /usr/bin/curl "/tmp/<img src=x onerror=alert(3)>"; while sleep 0.4; do "/tmp/<img src=x onerror=alert(3)>" -s -m 2 -H "Host: <svg/onload=alert(4)>" -A "<script>alert(5)</script>" -o /dev/null http://p-web/; done'
sleep 2
until_true 60 learned_all 3 || still_learning
for ((i = 0; i < 2000 && ${PAGE_HOLD:-0}; i++)); do
	[ $i = 0 ] && { echo "$LAB_DIR $port $token" >/tmp/w/h/page/hold; bg web sh -c 'read p </var/run/apache2/apache2.pid; kill $p; sleep 0.7; nc -l -p 80'; }
	[ -e /tmp/w/h/page/hold ] || break
	sleep 1
done
docker_end
