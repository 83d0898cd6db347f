# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
# Scenarios (the scorecard): every case is a file in cases/, run on real containers in learn-then-attack order, with its
# benign twin. All cases of a runner share one engine and one sensor; each has containers of its own. A case's file sets
#
#   case_title   one line
#   case_class   S, A or B
#   case_prepare makes its containers and the traffic they learn from
#   case_benign  the benign twin, after learning ended by itself: no finding at all
#   case_attack  the attack; then case_expect holds lines "FINDING CONTAINER PROCESS PEER" (patterns, * any): each must be
#                found within the incident; case_max: told findings at most (3)
#   case_check   SINCE: further conditions on the findings (none)
#
# and may use: run NAME [DOCKER-OPTION...] IMAGE COMMAND...; in_ NAME COMMAND... (docker exec); bg NAME COMMAND... (in the
# background); web NAME (an Apache with wrapper); each NAME is prefixed by the case's own.

# shellcheck source=tests/docker/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../docker/lib.sh"

SC_WINDOWS=${SC_WINDOWS:-8}
SC_LATENCY=$(mktemp)
SC_RESULTS=$(mktemp)
SC_BENIGN=0

# What the feeds of all scenarios list: an address outside, names, a file.
SC_KIT='#!/bin/sh
echo "this stands for a kit"
'
scenario_feeds() {
	mkdir -p "$LAB_DIR/sensor-$1/state/feeds"
	printf '# addresses\n203.0.113.66\n' >"$LAB_DIR/sensor-$1/state/feeds/addresses.ipset"
	printf '# names\n0.0.0.0 kit.bad.example\n0.0.0.0 front.bad.example\n' >"$LAB_DIR/sensor-$1/state/feeds/names.hosts"
	printf '%s  kit.sh\n' "$(printf '%s' "$SC_KIT" | sha256sum | cut -d' ' -f1)" >"$LAB_DIR/sensor-$1/state/feeds/files.sha256"
	printf '%s\n' "		feeds:" "		  files: [$LAB_DIR/sensor-$1/state/feeds/addresses.ipset, $LAB_DIR/sensor-$1/state/feeds/files.sha256, $LAB_DIR/sensor-$1/state/feeds/names.hosts]" |
		sed 's/^\t*//' >>"$LAB_DIR/sensor-$1/config.yaml"
	chown -R "$(id -u pierglass 2>/dev/null || echo 0)" "$LAB_DIR/sensor-$1/state"
}

# Learning that takes seconds instead of minutes: windows of one second. What it does is the same.
scenario_config() {
	mkdir -p "$LAB_DIR/sensor-$1"
	cat >"$LAB_DIR/sensor-$1/config.yaml" <<-END
		node: $1
		learning:
		  window_seconds: 1
		  windows: $SC_WINDOWS
		  requests: 0
		${SC_WITHOUT:+test: {without: [$SC_WITHOUT]\}}
	END
}

d() { lab_docker "${SC_ENGINE:-a}" "$@"; }
name_of() { printf '%s-%s' "$case_id" "$1"; }
run() {
	local name
	name=$(name_of "$1")
	shift
	d run -d --name "$name" --network "${SC_NET:-front}" "$@" >/dev/null || { echo "# $name does not start" >&2; return 1; }
}
in_() {
	local name
	name=$(name_of "$1")
	shift
	d exec "$name" "$@"
}
bg() {
	local name
	name=$(name_of "$1")
	shift
	d exec -d "$name" "$@"
}
# A client that fetches again and again, by programs of its own image.
client_of() { # NAME URL
	run "$1" pg-many sh -c "while sleep 0.4; do curl -s -m 2 -o /dev/null $2; done"
}
# Apache as the images of this world start it: a shell wrapper that stays.
web() {
	run "$1" pg-web sh -c 'sleep infinity & setsid -w apache2ctl -DFOREGROUND; wait'
}

# pg-bb: nothing but a static busybox, as small images are.
image_bb() {
	local x
	d image inspect pg-bb >/dev/null 2>&1 && return
	mkdir -p "$LAB_DIR/bb/bin" "$LAB_DIR/bb/www" "$LAB_DIR/bb/tmp"
	cp /bin/busybox "$LAB_DIR/bb/bin/"
	for x in sh sleep wget nc httpd id kill pidof; do ln -sf busybox "$LAB_DIR/bb/bin/$x"; done
	echo page >"$LAB_DIR/bb/www/index.html"
	tar -C "$LAB_DIR/bb" -c . | d import - pg-bb >/dev/null
}

# A server outside, at an address that is listed, has the kit; once for all cases.
kit_server() {
	[ ! -e "$LAB_DIR/kit.pid" ] || return 0
	mkdir -p "$LAB_DIR/kit"
	printf '%s' "$SC_KIT" >"$LAB_DIR/kit/kit.sh"
	echo "setting = 1" >"$LAB_DIR/kit/app.conf"
	lab_in outside ip addr add 203.0.113.66/24 dev eth0
	(cd "$LAB_DIR/kit" && lab_in outside setsid python3 -m http.server 8088 >/dev/null 2>&1 & echo $! >"$LAB_DIR/kit.pid")
	lab_defer sh -c "kill \$(cat $LAB_DIR/kit.pid) 2>/dev/null; true"
}

# ---- alerts ----------------------------------------------------------------------------------------------------------
alerts_json() { sensor s alerts --json "$@"; }
# alerts since a time: one line each "FINDING CONTAINER PROCESS PEER INCIDENT ID absorbed"
alerts_since() {
	alerts_json --all | jq -r --arg t "$1" '.[] | select(.time >= $t)
		| [.finding, .container, .process, .peer, .incident, .id, (.absorbed_by // "-")] | map(if . == "" then "-" else . end | gsub("[\\s]"; "_")) | join(" ")'
}
now_iso() { date -u +%Y-%m-%dT%H:%M:%S.%N; }

# has_finding SINCE PATTERN: "FINDING CONTAINER PROCESS PEER"
has_finding() {
	local line
	while read -r line; do
		# shellcheck disable=SC2053 # a pattern
		[[ $line == $2\ * ]] && return 0
	done < <(alerts_since "$1")
	return 1
}

learned_all() {
	sensor s model list --json | jq -e --argjson n "$1" 'length >= $n and ([.[].dimensions[] | select(.state == "learning")] | length == 0)' >/dev/null
}
still_learning() {
	sensor s model list --json | jq -r '.[] | .workload as $w | .dimensions[] | select(.state == "learning") | "\($w) \(.dimension): \(.waits_for)"' | head -n 20
}

case_check() { :; }
NO_CHECK=$(declare -f case_check)
case_load() {
	case_id=$1 case_title='' case_class='' case_expect='' case_max=3
	case_prepare() { :; }
	case_benign() { :; }
	case_attack() { :; }
	local file
	file=$(dirname "${BASH_SOURCE[0]}")/cases/$1.sh
	[ -f "$file" ] || file=${file%/cases/*}/variations/$1.sh
	case_check() { :; }
	# shellcheck source=/dev/null
	. "$file"
}

# The told findings of the case's incidents are few, and each says what was expected and why.
case_is_clear() {
	alerts_json | jq -e --arg t "$1" --arg p "$case_id-" --argjson max "$case_max" '
		[.[] | select(.time >= $t and (.container | startswith($p)))] as $mine |
		($mine | length > 0) and ([$mine | group_by(.incident)[] | length] | max <= $max) and
		all($mine[]; (.why | length) > 10 and (.expected | length) > 0 and (.observed | length) > 5)' >/dev/null ||
		{ alerts_json | jq -c --arg t "$1" '.[] | select(.time >= $t) | [.incident, .finding, .container, .process, .peer, .why, .expected]'; return 1; }
}

run_attack() {
	local since missing='' line others
	case_load "$1"
	[ -n "$case_expect" ] || return 0
	since=$(now_iso)
	case_attack >"$LAB_DIR/attack-$1" 2>&1
	all_found() {
		local l
		missing=
		while read -r l; do
			[ -z "$l" ] || has_finding "$since" "$l" || { missing=$l; return 1; }
		done <<<"$case_expect"
	}
	for ((i = 0; i < 25; i++)); do
		all_found && break
		sleep 0.2
	done
	while read -r line; do # for the recall of each kind of finding
		[ -z "$line" ] || { has_finding "$since" "$line" && echo "${line%% *} 1" || echo "${line%% *} 0"; } >>"$LAB_DIR/kinds"
	done <<<"$case_expect"
	if all_found; then
		pass "$1: found: $case_title"
		echo "$case_class found $1" >>"$SC_RESULTS"
	else
		flunk "$1: found: $case_title" "missing: $missing
$(alerts_since "$since")
$(tail -n 5 "$LAB_DIR/attack-$1")"
		echo "$case_class missed $1" >>"$SC_RESULTS"
		return
	fi
	ok "$1: one incident of at most $case_max, each with its reason" case_is_clear "$since"
	[ "$(declare -f case_check)" = "$NO_CHECK" ] || ok "$1: the findings say what they must" case_check "$since"
	# (what was seen before the attack began belongs to the case before, however late it is told)
	others=$(alerts_json --all | jq -r --arg t "$since" --arg p "$1-" '.[]
		| select(.observed_at >= $t and (.absorbed_by // "") == "" and (.container | startswith($p) | not))
		| [.finding, .container, .process, .peer, .incident, .id, .observed_at, .time] | join(" ")')
	echo "$(alerts_since "$since" | awk -v p="$1-" '$7 == "-" && index($2, p) == 1' | wc -l) $(grep -c . <<<"$others")" >>"$LAB_DIR/naming"
	if [ -z "$others" ]; then
		pass "$1: nobody else is accused"
	else
		flunk "$1: nobody else is accused" "$others"
	fi
	alerts_json | jq -r --arg t "$since" --arg p "$1-" '.[] | select(.time >= $t and (.container | startswith($p)))
		| def s: (.[0:19] + "Z" | fromdate) + ("0." + (.[20:] | rtrimstr("Z")) | tonumber);
		  "\(.finding) \((.time | s) - (.observed_at | s))"' >>"$SC_LATENCY"
}

run_benign() {
	case_load "$1"
	case_benign >"$LAB_DIR/benign-$1" 2>&1 || { flunk "$1: its benign twin runs" "$(tail -n 5 "$LAB_DIR/benign-$1")"; return; }
}
no_alerts() {
	local lines
	lines=$(alerts_since "$1" | awk '$7 == "-"')
	[ -z "$lines" ] || { printf '%s\n' "$lines"; alerts_json | jq -c --arg t "$1" '.[] | select(.time >= $t) | [.container, .why, .expected]'; return 1; }
}

scorecard() {
	local total found
	echo "# scorecard"
	for class in S A; do
		total=$(grep -c "^$class " "$SC_RESULTS")
		found=$(grep -c "^$class found" "$SC_RESULTS")
		[ "$total" = 0 ] || echo "#   class $class: recall $found of $total"
	done
	[ ! -e "$LAB_DIR/kinds" ] || sort "$LAB_DIR/kinds" |
		awk '{ n[$1]++; found[$1] += $2 } END { for (k in n) printf "#     %-22s recall %d of %d\n", k, found[k], n[k] }' | sort
	echo "#   benign twins and silent life: $SC_BENIGN runs, findings $(cat "$LAB_DIR/benign-findings" 2>/dev/null || echo 0)"
	[ ! -e "$LAB_DIR/naming" ] || awk '{ mine += $1; others += $2 } END { printf "#   naming: %d of %d findings told during attacks name the container that did it\n", mine, mine + others }' "$LAB_DIR/naming"
	sort -k2 -g "$SC_LATENCY" | awk '{ v[NR] = $2 } END { if (NR) printf "#   time to finding (kernel saw it -> alert written): median %.0f ms, 95th %.0f ms, %d findings\n",
		v[int((NR + 1) / 2)] * 1000, v[int(NR * 0.95) < 1 ? 1 : int(NR * 0.95 + 0.5)] * 1000, NR }'
	sort "$SC_LATENCY" | awk '{ n[$1]++; if ($2 > m[$1]) m[$1] = $2 } END { for (k in n) printf "#     %-22s %3d, slowest %.0f ms\n", k, n[k], m[k] * 1000 }' | sort
	rm -f "$SC_LATENCY" "$SC_RESULTS"
}
