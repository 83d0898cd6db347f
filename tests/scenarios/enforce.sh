#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# S12: what S2 to S10 find is acted on. Containers learn as always; then each attack meets the action that the configuration names
# for its workload, what was learned goes on, and the evidence is complete.
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
lab_outside a
lab_engine_start a
lab_image a pg-many pg-web
d network create --subnet 172.31.0.0/16 front >/dev/null
SC_SILENCE=
scenario_config s
cat >>"$LAB_DIR/sensor-s/config.yaml" <<'END'
policy:
  workloads:
    pg-web/e-pause: { mode: enforce }
    pg-many/e-kill: { mode: enforce }
evidence: { freeze: true }
actions:
  workloads:
    pg-web/e-pause: { listener.squatted: [evidence, pause] }
    pg-many/e-kill: { listener.new: [evidence, kill], process.new: alert }
END
sensor_start s "$(lab_socket a)"
case_id=e
web pause
client_of pausec "http://e-pause/"
run kill pg-many sh -c 'node /srv/node/app.js & while sleep 0.5; do getent hosts e-pause >/dev/null; done'
client_of killc "http://e-kill:3000/"
sleep 2
if until_true 60 learned_all "$(d ps -q | wc -l)"; then
	pass "learning ends by itself, without a command"
else
	flunk "learning ends by itself, without a command" "$(still_learning)"
fi
echo "# learned after $((SECONDS - DOCKER_START)) s"

# acted CONTAINER FINDING PATTERN: the alert's action
acted() {
	# shellcheck disable=SC2053 # a pattern
	[[ $(alerts_json --all | jq -r --arg c "$1" --arg f "$2" '[.[] | select(.container == $c and .finding == $f)][-1].action // ""') == $3 ]]
}

bg kill sh -c 'nc -l -p 31337; sleep 30'
ok "S10: the listener's process is killed, the alert says so" until_true 5 acted e-kill listener.new "evidence; kill"
nc_is_gone() { ! d top e-kill -eo args | grep -q '^nc -l'; }
ok "S10: it is gone" until_true 2 nc_is_gone
ok "S10: what was learned goes on" in_ killc curl -s -m 2 -o /dev/null http://e-kill:3000/

bg pause sh -c 'read p </var/run/apache2/apache2.pid; kill $p; sleep 0.7; nc -l -p 80'
ok "S3: the container is paused, the alert says so" until_true 5 acted e-pause listener.squatted "pause; evidence"
is_paused() { [ "$(d inspect -f '{{.State.Status}}' "$1")" = paused ]; }
ok "S3: the engine knows it as paused" is_paused e-pause
d unpause e-pause >/dev/null
bundles() { [ "$(sensor s evidence list --json | jq length)" -ge "$1" ]; }
ok "evidence: two bundles are whole" until_true 10 bundles 2
bundle_of() { alerts_json --all | jq -r --arg c "$1" --arg f "$2" '[.[] | select(.container == $c and .finding == $f)][-1].evidence'; }
for c in "e-kill listener.new" "e-pause listener.squatted"; do
	# shellcheck disable=SC2086 # two words
	id=$(bundle_of $c)
	ok "evidence of ${c% *}: exported" sensor s evidence export "$id" -o "$LAB_DIR/$id.tar.gz"
	ok "evidence of ${c% *}: every file as the manifest says" sensor s evidence verify "$LAB_DIR/$id.tar.gz"
	sensor s evidence show "$id" | sed 's/^/# /'
	tar -tzvf "$LAB_DIR/$id.tar.gz" | sed 's/^/# /'
	tar -xzOf "$LAB_DIR/$id.tar.gz" "$id/files.tar" | tar -tv | head -n 40 | sed 's/^/# /'
done
[ -z "${SC_KEEP:-}" ] || { echo "# kept: $LAB_DIR"; sleep "$SC_KEEP"; }
alerts_json --all | jq -c '.[] | [.time, .finding, .container, .process, .action, .evidence]' | sed 's/^/# /'
docker_end
