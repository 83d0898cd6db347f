#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The page in a real browser, on a real sensor: a small stack learns; a squatter takes its port; a container whose name of stack,
# program, Host and User-Agent are markup is there the whole time. Then 2,000 workloads with 20,000 edges, from answers made up.
# tests/page/check.py drives chromium and judges. Screenshots: build/page-*.png.
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/../scenarios/lib.sh"
if ! command -v chromium >/dev/null && ! command -v chromium-headless-shell >/dev/null; then
	echo "1..0 # SKIP no chromium (tools/deps.sh test)"
	exit 0
fi
docker_begin
lab_outside a
lab_engine_start a
lab_image a pg-many pg-web
port=$((20000 + $$ % 20000))
token=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
case_id=p
scenario_config s
(umask 077 && printf '%s\n' "$token" >"$LAB_DIR/sensor-s/token")
printf 'api: { listen: "127.0.0.1:%s", token_file: %s }\n' "$port" "$LAB_DIR/sensor-s/token" >>"$LAB_DIR/sensor-s/config.yaml"
d network create --subnet 172.31.0.0/16 front >/dev/null
lab_in outside python3 -m http.server 8080 --bind 203.0.113.9 --directory "$LAB_DIR/a" >/dev/null 2>&1 &
server=$!
lab_defer "kill $server 2>/dev/null"
sensor_start s "$(lab_socket a)"

part() { # NAME STACK SERVICE OPTION... IMAGE COMMAND...
	local name=$1 stack=$2 service=$3
	shift 3
	run "$name" --label "com.docker.compose.project=$stack" --label "com.docker.compose.service=$service" "$@"
}
hostile='"><img src=x onerror=alert(1)><script>alert(2)</script>'
part web shop web pg-web sh -c 'sleep infinity & setsid -w apache2ctl -DFOREGROUND; wait'
part c shop client pg-many sh -c 'while sleep 0.4; do curl -s -m 2 -o /dev/null http://p-web/; curl -s -m 2 -o /dev/null http://203.0.113.9:8080/; done'
part h "$hostile" "$hostile" --env "X=$hostile" pg-many sh -c 'p="/tmp/<img src=x onerror=alert(3)>"; cp /usr/bin/curl "$p"
	while sleep 0.4; do "$p" -s -m 2 -H "Host: <svg onload=alert(4)>" -A "<script>alert(5)</script>" -o /dev/null http://p-web/; done'
sleep 2
if until_true 90 learned_all 3; then pass "learning ends by itself"; else flunk "learning ends by itself" "$(still_learning)"; fi

cat >"$LAB_DIR/do.sh" <<END
#!/bin/bash
d() { "$LAB_DOCKER" -H unix://$LAB_DIR/a/docker.sock "\$@"; }
case \$1 in
squat) d exec -d p-web sh -c 'read -r p </var/run/apache2/apache2.pid; kill \$p; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do nc -lk -p 80; sleep 0.3; done' ;;
late) d run -d --name p-late --network front --label com.docker.compose.project=shop --label com.docker.compose.service=late pg-many sh -c 'while sleep 0.3; do curl -s -m 2 -o /dev/null http://p-web/; done' ;;
holds) "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" policy --json ;;
collect) "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" evidence collect "\$2" ;;
gone) kill -STOP $(sensor_program s core) ;;
back) kill -CONT $(sensor_program s core) ;;
esac
END
lab_defer "kill -CONT $(sensor_program s core) 2>/dev/null"
while read -r verdict name; do
	case $verdict in
	ok) pass "$name" ;;
	not-ok) flunk "$name" ;;
	*) printf '# %s %s\n' "$verdict" "$name" ;;
	esac
done < <(timeout 150 python3 tests/page/check.py "http://127.0.0.1:$port/" "$token" "$LAB_DIR/do.sh" "$LAB_BUILD" 2>&1 || echo "not-ok tests/page/check.py ends well")
out=$(timeout 60 python3 tests/netns/api.py http 127.0.0.1 "$port" "$token" answers 2>&1) # the last one: it changes models and policy
if [ $? = 0 ]; then pass "OpenAPI: every route answers as it says"; else flunk "OpenAPI: every route answers as it says"; fi
sed 's/^/# /' <<<"$out"
docker_end
