#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The ledger of events: produced = delivered + losses by cause, delivered = received, per container, to the event; one
# container's flood is cut off, said, and costs no other container's events; what the cut-off events would have told is
# read anew.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin

lab_engine_start a
lab_image a pg-many
sensor_start s "$(lab_socket a)"
for name in flood quiet; do lab_docker a run -d --name "$name" pg-many sleep infinity >/dev/null; done
ok "the containers are known" until_true 10 sensor_knows_all s a
LOG=$LAB_DIR/events.jsonl
timeout 200 "$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-s/run" --json events --kind exec,throttle >"$LOG" 2>"$LAB_DIR/events.err" &
READER=$!
lab_defer "kill $READER 2>/dev/null"
sleep 1
ledger() { sensor s status --json | jq -e --arg c "$1" ".ledger[] | select(.container == \$c) | .events | $2"; }

# -- a quiet life: nothing lost
lab_docker a exec quiet sh -c 'for i in $(seq 100); do /bin/true; done'
ok "100 programs: all told" until_true 5 eval '[ "$(jq -s "[.[] | select(.container == \"quiet\" and (.process.exe | test(\"/true\$\")))] | length" "$LOG")" = 100 ]'
ok "the balance of a quiet container" until_true 5 ledger quiet '.produced > 300 and .produced == .delivered and .delivered == .received and .ring_lost == 0 and .throttled == 0'

# -- a flood: UDP sockets bound and closed, as fast as two loops can; a listener opened in the middle of it
lab_docker a exec -d flood sh -c 'nc -l -p 4444 & N=$!; P=; for n in 1 2; do perl -e "use Socket; my \$end = time + 8; while (time < \$end) { for (1..500) { socket(my \$s, PF_INET, SOCK_DGRAM, 17); bind(\$s, sockaddr_in(5000 + $n, INADDR_ANY)); close \$s } }" & P="$P $!"; done; wait $P; kill $N'
sleep 2
lab_docker a exec quiet sh -c 'for i in $(seq 200); do /bin/false; done; true'
sleep 6
all_false() { [ "$(jq -s '[.[] | select(.container == "quiet" and (.process.exe | test("/false$")))] | length' "$LOG")" = 200 ]; }
ok "during the flood of another: all 200 programs of the quiet container are told" until_true 5 all_false
ok "and its balance holds without a loss" until_true 5 ledger quiet '.produced == .delivered and .delivered == .received and .throttled == 0'
ok "the flood was cut off" ledger flood '.throttled > 1000'
ok "the flood's balance, to the event" until_true 8 ledger flood '.produced == .delivered + .ring_lost + .throttled and .delivered == .received and .throttled_now == false'
ok "its losses stand in the window" ledger flood '.window_lost > 0'
told() { jq -es '([.[] | select(.event == "throttle" and .container == "flood")] | (map(.state) | index("start") != null and index("stop") != null) and any(.[]; .count > 1000)) and all(.[]; .event != "throttle" or .container == "flood")' "$LOG" >/dev/null; }
ok "the cut and its end are events" until_true 5 told
echo "# flood: $(ledger flood 'tostring')"
global() { sensor s status --json | jq -e '.counters.events_lost == .loss.event_ring and .counters.events_throttled == .loss.event_throttled and .loss.event_throttled > 1000' >/dev/null; }
ok "the sums say the same" global

# -- what was lost meanwhile is read anew: no listener is left that is none
no_listener() { ! sensor s listeners --json | jq -e '.[] | select(.container == "flood")' >/dev/null; }
ok "no listener is left of the flood" until_true 15 no_listener
no_process() { [ "$(sensor s containers --json | jq '.[] | select(.name == "flood") | .processes')" = 1 ]; }
ok "no process is left of the flood" until_true 15 no_process
ok "containers shows counts" eval 'sensor s containers --json | jq -e ".[] | select(.name == \"quiet\") | .processes == 1 and .events.produced > 900" >/dev/null'
ok "containers and status fit their schemas" sh -c "for w in containers status; do '$LAB_BUILD/pierglass' --run '$LAB_DIR/sensor-s/run' \$w --json | python3 tests/golden/schema.py \$w || exit 1; done"
kill "$READER" 2>/dev/null
docker_end
