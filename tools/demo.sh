#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sudo make demo`: an isolated Docker engine with a compose stack of real software, the sensor on it, traffic, the map.
# Everything it makes is removed at the end, also on Ctrl-C; the machine's own engine and network are not touched.
# DEMO_SECONDS (15) of traffic; LAB_SHELL=1 leaves a shell before everything is removed.
set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD
if [ "$(id -u)" != 0 ]; then
	echo "demo: the sensor loads eBPF programs and the demo makes network namespaces: run it as root (sudo make demo)" >&2
	exit 1
fi
say() { printf '\n== %s\n' "$*"; }

say "packages and programs"
tools/deps.sh build demo || exit 1
nice make -s -j"$(nproc)" all helpers || exit 1
getent group pierglass >/dev/null || groupadd --system pierglass || exit 1
getent passwd pierglass >/dev/null ||
	useradd --system --gid pierglass --home-dir /var/lib/pierglass --no-create-home --shell /usr/sbin/nologin pierglass || exit 1

# shellcheck source=tests/lab/lab.sh
. tests/lab/lab.sh
lab_begin

say "an engine of its own, in its own network (root file systems from Debian packages: a few minutes the first time)"
lab_outside demo
lab_engine_start demo
lab_image demo pg-web pg-db pg-many
lab_docker demo image ls --format '  {{.Repository}}  {{.Size}}'

say "the sensor"
d=$LAB_DIR/sensor
mkdir -p "$d/state" "$d/run"
printf 'node: demo\n' >"$d/config.yaml"
setsid "$LAB_BUILD/pierglassd" --config "$d/config.yaml" --state "$d/state" --run "$d/run" --docker "$(lab_socket demo)" \
	>"$d/log" 2>&1 </dev/null &
keeper=$! start=${EPOCHREALTIME/./}
disown
stop_sensor() {
	kill -TERM "$keeper" 2>/dev/null || return 0
	lab_gone "$keeper" 100 || kill -KILL "$keeper" 2>/dev/null
}
lab_defer stop_sensor
pg() { "$LAB_BUILD/pierglass" --run "$d/run" "$@"; }
for ((i = 0; i < 200; i++)); do
	pg status --json 2>/dev/null | jq -es '.[0].engines | length > 0 and all(.up)' >/dev/null 2>&1 && break
	sleep 0.1
done
if [ "$i" = 200 ]; then
	echo "demo: the sensor is not ready after 20 s:" >&2
	tail -n 20 "$d/log" >&2
	exit 1
fi
echo "  ready after $(((${EPOCHREALTIME/./} - start) / 1000)) ms"

say "the stack (docker-compose): WordPress on Apache, MariaDB, Node, Redis, a client"
compose() {
	DOCKER_HOST=unix://$(lab_socket demo) COMPOSE_PROJECT_NAME=shop docker-compose --no-ansi -f "$top/etc/demo/compose.yml" "$@"
}
compose up -d >"$LAB_DIR/compose.log" 2>&1 || { cat "$LAB_DIR/compose.log" >&2; exit 1; }
lab_docker demo ps --format '  {{.Names}}\t{{.Image}}\t{{.Ports}}'

say "traffic: a stranger installs WordPress through the published port, the client visits it and the Node application"
site=http://203.0.113.1:8080/wp
for ((i = 0; i < 120; i++)); do
	lab_in outside curl -s -o /dev/null --max-time 5 -w '%{http_code}' "$site/wp-admin/install.php" | grep -q 200 && break
	sleep 0.5
done
lab_in outside curl -s -o "$LAB_DIR/install.html" --max-time 60 -d weblog_title=Mirror -d user_name=admin -d admin_password=pier-glass \
	-d admin_password2=pier-glass -d pw_weak=1 -d admin_email=admin@shop.example -d blog_public=0 "$site/wp-admin/install.php?step=2"
grep -q -i success "$LAB_DIR/install.html" && echo "  WordPress is installed" || echo "  WordPress answered, but not as expected"
end=$((SECONDS + ${DEMO_SECONDS:-15}))
while [ "$SECONDS" -lt "$end" ]; do
	lab_in outside curl -s -o /dev/null --max-time 10 "$site/"
	sleep 0.5
done

say "pierglass status"
pg status
say "pierglass listeners"
pg listeners
say "pierglass map"
pg map
mkdir -p build
pg map --format json >build/demo-map.json
pg map --format dot >build/demo-map.dot
files="build/demo-map.json build/demo-map.dot"
if command -v dot >/dev/null && dot -Tpng -o build/demo-map.png build/demo-map.dot; then
	files="$files build/demo-map.png"
fi
say "written: $files"
if [ -n "${LAB_SHELL:-}" ]; then
	printf '  the sensor:  %s --run %s map\n  the engine:  docker -H unix://%s ps\n' "$LAB_BUILD/pierglass" "$d/run" "$(lab_socket demo)"
else
	printf '  to look around before it goes:  sudo LAB_SHELL=1 make demo\n  on your own engine:             sudo make run\n'
	echo "Now everything is removed again."
fi
