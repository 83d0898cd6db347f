#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The scenarios of one node: all cases (or those named) learn at the same time, then each benign twin, then each attack.
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"
if [ $# -gt 0 ]; then
	cases=("$@")
else
	mapfile -t cases < <(find "$(dirname "$0")/cases" -name '*.sh' -printf '%f\n' | sed 's/\.sh$//' | sort -V)
	cases+=(S7node S8name S10udp A11sweep A13redis) # of variations/: what each other case misses
fi
docker_begin
lab_outside a
lab_engine_start a
lab_image a pg-many pg-web pg-db pg-tiny
d network create --subnet 172.31.0.0/16 front >/dev/null
# Mutated (mutations.sh): SC_WITHOUT names the checks that are left out; then the cases that rest on them must be missed.
scenario_config s
scenario_feeds s
sensor_start s "$(lab_socket a)"
for c in "${cases[@]}"; do
	case_load "$c"
	case_prepare || flunk "$c: prepare"
done
sleep 2
workloads=$(d ps -q | wc -l)
if until_true "${SC_LEARN_SECONDS:-60}" learned_all "$workloads"; then
	pass "learning ends by itself, without a command"
else
	flunk "learning ends by itself, without a command" "$(still_learning)"
fi
echo "# learned after $((SECONDS - DOCKER_START)) s"
since=$(now_iso)
for c in "${cases[@]}"; do
	run_benign "$c"
	SC_BENIGN=$((SC_BENIGN + 1))
done
sleep 4
alerts_since "$since" | awk '$7 == "-"' | wc -l >"$LAB_DIR/benign-findings"
ok "benign twins: not one finding" no_alerts 0
for c in "${cases[@]}"; do
	run_attack "$c"
done
[ -z "${SC_KEEP:-}" ] || { echo "# kept: $LAB_DIR"; sleep "$SC_KEEP"; }
scorecard
docker_end
