#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The sensor as a container, started by the global Swarm service of etc/stack.yml, from the image of `make image`.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
cd "$LAB_TOP" || exit 1

in_sensor() { lab_docker a exec pierglass pierglass "$@"; }
answers() { in_sensor status --json | jq -e '.engines[0].up and ([.programs[].running] | all)'; }
runs() { [ "$(lab_docker a container inspect -f "{{.State.Running}}" pierglass 2>/dev/null)" = true ]; }
gone() { ! lab_docker a container inspect pierglass >/dev/null 2>&1; }

lab_plug a eth0 10.199.0.1/24
lab_engine_start a
lab_image a pg-plain pg-tiny
tools/deb.sh >"$LAB_DIR/deb.log" 2>&1 || { cat "$LAB_DIR/deb.log"; lab_fail "no package"; }
ok "make image" env DOCKER="$LAB_DOCKER -H unix://$(lab_socket a)" BASE=pg-plain tools/image.sh
lab_docker a swarm init --advertise-addr 10.199.0.1 --listen-addr 10.199.0.1:2377 >/dev/null || lab_fail "swarm init"

export PIERGLASS_SOCKET PIERGLASS_STATE=$LAB_DIR/state PIERGLASS_RUN=$LAB_DIR/run PIERGLASS_ETC=$LAB_DIR/etc
PIERGLASS_SOCKET=$(lab_socket a)
mkdir -p "$PIERGLASS_STATE" "$PIERGLASS_RUN" "$PIERGLASS_ETC"
ok "docker stack deploy" lab_docker a stack deploy -c etc/stack.yml pierglass
ok "the launcher starts the sensor beside itself" until_true 60 runs
ok "all its programs run, the engine answers" until_true 30 answers

lab_docker a network create front >/dev/null
lab_docker a run -d --name echo --network front pg-tiny /bin/server echo 7000 >/dev/null
lab_docker a run -d --name caller --network front pg-tiny /bin/client tick \
	"$(lab_docker a inspect -f '{{.NetworkSettings.Networks.front.IPAddress}}' echo)" 7000 600 100 >/dev/null
seen() { in_sensor map --json | jq -e '.edges[] | select(.client | contains("caller")) | select((.server | contains("echo")) and .port == 7000)'; }
ok "a flow between other containers is on its map" until_true 15 seen
ok "doctor finds no fault inside it" in_sensor doctor
ok "the node's own pierglass asks it, too" "$LAB_BUILD/pierglass" --run "$PIERGLASS_RUN" version

lab_docker a kill pierglass >/dev/null
ok "a sensor that was killed is started again" until_true 60 eval 'runs && answers'
lab_docker a stack rm pierglass >/dev/null
ok "the stack's end is the sensor's" until_true 60 gone
ok "its state stays" test -s "$PIERGLASS_STATE/pierglass.db"
docker_end
