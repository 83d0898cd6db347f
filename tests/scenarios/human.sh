#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a human may do: why, model accept, lock, reopen, export, edit the text, import. None of it is needed to get that far.
set -u
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
lab_engine_start a
lab_image a pg-many
d network create front >/dev/null
SC_WINDOWS=4 scenario_config s
sensor_start s "$(lab_socket a)"
case_id=hum
run app pg-many sh -c 'while sleep 0.3; do :; done'
run other pg-many sh -c 'while sleep 0.3; do :; done'
ok "learned without a command" until_true 60 learned_all 2
w=pg-many/hum-app
id_of() { sensor s alerts --json --all | jq -r --arg f "$1" --arg p "$2" '[.[] | select(.finding == $f and .process == $p)][-1].id // empty'; }
told_of() { sensor s alerts --json --all | jq -r --arg p "$1" '[.[] | select(.process == $p) | .count] | add // 0'; }
state_of() { sensor s model show "$1" --json | jq -r --arg d "$2" '.dimensions[] | select(.dimension == $d) | .state'; }

in_ app uname >/dev/null
has_id() { [ -n "$(id_of process.new "$1")" ]; }
ok "a finding" until_true 5 has_id /usr/bin/uname
id=$(id_of process.new /usr/bin/uname)
why_tells() { sensor s why "$id" | grep -q 'never ran in' && sensor s why "$id" --json | jq -e '.alert.expected | length > 0' >/dev/null; }
ok "why: the broken expectation and where it comes from" why_tells
ok "model accept" sensor s model accept "$id"
accepted() { sensor s model show "$w" --json | jq -e '[.facts[] | select(.source == "human" and .fact[0] == "/usr/bin/uname")] | length == 1' >/dev/null; }
ok "the fact is the human's" accepted
before=$(told_of /usr/bin/uname)
in_ app uname >/dev/null
sleep 1
ok "and is no finding any more" [ "$(told_of /usr/bin/uname)" = "$before" ]
sensor s model accept "$id" >/dev/null 2>&1
ok "accepted twice: refused (4)" [ $? = 4 ]
sensor s model accept nothing-1 >/dev/null 2>&1
ok "accept what is not there: refused (4) or usage (2)" [ $? -ge 2 ]

ok "model reopen of one dimension" sensor s model reopen "$w" -d process
ok "it learns again" [ "$(state_of "$w" process)" = learning ]
ok "the others do not" [ "$(state_of "$w" listener)" = monitoring ]
in_ app id >/dev/null
ok "and ends by itself" until_true 30 learned_all 2
learned_id() { sensor s model show "$w" --json | jq -e '[.facts[] | select(.fact[0] == "/usr/bin/id")] | length >= 1' >/dev/null; }
ok "what was done meanwhile is learned" learned_id
ok "model lock" sensor s model lock "$w"
ok "it is locked" [ "$(state_of "$w" process)" = locked ]
in_ app nproc >/dev/null
ok "a locked model still tells" until_true 5 has_id /usr/bin/nproc

sensor s model export "$w" >"$LAB_DIR/model.yaml"
ok "model export: the human's fact is in it" grep -q uname "$LAB_DIR/model.yaml"
sensor s model export "$w" >"$LAB_DIR/again.yaml"
ok "twice the same: fit for a repository" cmp "$LAB_DIR/model.yaml" "$LAB_DIR/again.yaml"
sed 's|/usr/bin/uname|/usr/bin/arch|' "$LAB_DIR/model.yaml" >"$LAB_DIR/edited.yaml"
ok "model import of an edited one" sensor s model import "$LAB_DIR/edited.yaml"
in_ app arch >/dev/null
sleep 1
ok "what was added by hand is no finding" [ "$(told_of /usr/bin/arch)" = 0 ]
printf 'workload: [x\n' >"$LAB_DIR/bad.yaml"
sensor s model import "$LAB_DIR/bad.yaml" >/dev/null 2>&1
ok "a damaged one is refused" [ $? -ge 2 ]
sensor_stop s
sensor_start s "$(lab_socket a)"
kept() { [ "$(state_of "$w" process)" = locked ] && sensor s model show "$w" --json | jq -e '[.facts[] | select(.fact[0] == "/usr/bin/arch")] | length >= 1' >/dev/null; }
ok "all of it is there after a restart" until_true 10 kept
docker_end
