# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests on real engines share: TAP lines, a sensor on the lab's engines, and the map held against a list.
#
#   docker_begin                       the lab, or SKIP with its reason
#   ok NAME COMMAND... | pass NAME | flunk NAME [WHY]
#   sensor_start NAME SOCKET[,SOCKET]  a sensor of its own (run and state directories in the lab); waits until it is ready
#   sensor_stop NAME; sensor_pids NAME; sensor NAME ARG...   (the CLI on that sensor)
#   edges NAME                         one line an edge: client server l4 port app client_exes server_exes
#   expect_edges NAME TITLE [SECONDS]  standard input: patterns of such lines; each must match an edge (waits for it), and
#                                      no edge may be left that none matches
#   docker_end                         plan line, exit status

# shellcheck source=tests/lab/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lab/lab.sh"

TAP_N=0
TAP_FAILED=0
pass() {
	TAP_N=$((TAP_N + 1))
	printf 'ok %d - %s\n' "$TAP_N" "$1"
}
flunk() {
	TAP_N=$((TAP_N + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	printf 'not ok %d - %s\n' "$TAP_N" "$1"
	[ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/#   /'
}
# The command's output is shown when it fails.
ok() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then pass "$name"; else flunk "$name" "$out"; fi
}

docker_begin() {
	local reason
	if reason=$(lab_cannot); then
		echo "1..0 # SKIP $reason"
		exit 0
	fi
	if ! [ -x "$LAB_BUILD/pierglassd" ] || ! [ -x "$LAB_BUILD/pierglass" ] || ! [ -x "$LAB_BUILD/tests/helpers/lab_traffic" ]; then
		echo "not ok 1 - the programs are built (make all helpers)"
		exit 1
	fi
	lab_begin
	DOCKER_START=$SECONDS
}

# discovery_begin, discovery_image ENGINE..., discovery_watch SOCKET... <commands: for the tests of discovery alone.
# docker_watch prints to $OUT what the engines say.
discovery_begin() {
	local reason
	if reason=$(lab_cannot); then
		echo "1..0 # SKIP $reason"
		exit 0
	fi
	if ! [ -x /bin/busybox ] || ldd /bin/busybox >/dev/null 2>&1; then
		echo "1..0 # SKIP no static busybox (package busybox-static)"
		exit 0
	fi
	if ! [ -x "$LAB_BUILD/tests/helpers/docker_watch" ]; then
		echo "not ok 1 - tests/helpers/docker_watch is built (make helpers)"
		exit 1
	fi
	lab_begin
	DOCKER_START=$SECONDS
	OUT=$LAB_DIR/watch.out
}

# The smallest image: pg-bb.
discovery_image() {
	local e x
	mkdir -p "$LAB_DIR/bb/bin"
	cp /bin/busybox "$LAB_DIR/bb/bin/"
	for x in sh sleep true; do ln -sf busybox "$LAB_DIR/bb/bin/$x"; done
	for e; do tar -C "$LAB_DIR/bb" -c . | lab_docker "$e" import - pg-bb >/dev/null; done
}

discovery_watch() {
	"$LAB_BUILD/tests/helpers/docker_watch" 300 "$@" >"$OUT" 2>&1 <&0 &
	WATCH_PID=$!
	lab_defer "kill $WATCH_PID 2>/dev/null"
}

said() { grep -Eq -- "$1" "$OUT"; }

docker_end() {
	printf '# %d s\n1..%d\n' $((SECONDS - DOCKER_START)) "$TAP_N"
	[ "$TAP_FAILED" = 0 ] || exit 1
}

# until_true SECONDS COMMAND...: repeats it until it succeeds; prints what it said the last time.
until_true() {
	local end out
	end=$(($(date +%s%N) / 1000000 + $1 * 1000))
	shift
	while ! out=$("$@" 2>&1); do
		if [ "$(($(date +%s%N) / 1000000))" -ge "$end" ]; then
			printf '%s\n' "$out"
			return 1
		fi
		sleep 0.2
	done
}

# ---- sensor --------------------------------------------------------------------------------------------------------
sensor() {
	local name=$1
	shift
	"$LAB_BUILD/pierglass" --run "$LAB_DIR/sensor-$name/run" "$@"
}

sensor_is_ready() {
	# (slurped: jq 1.6 calls no input at all a success)
	sensor "$1" status --json 2>/dev/null | jq -es '.[0] | (.engines | length > 0) and (.engines | all(.up))
		and ([.programs[] | select(.running) | .name] | contains(["core", "broker", "verdict", "inspect-packets", "inspect-documents", "files", "opener"]))' >/dev/null 2>&1
}

# All containers that the engines run are known with their names. $1 sensor, then engines.
sensor_knows_all() {
	local name=$1 want have engine
	shift
	want=0
	for engine; do
		want=$((want + $(lab_docker "$engine" ps -q | wc -l)))
	done
	have=$(sensor "$name" containers --json | jq -s '[.. | objects | select(.workload? and .state? == "running" and (.remote | not))] | length')
	[ "$have" = "$want" ]
}

sensor_start() {
	local name=$1 sockets=$2 dir=$LAB_DIR/sensor-$1 pid
	shift 2
	mkdir -p "$dir/state" "$dir/run"
	[ -f "$dir/config.yaml" ] || printf 'node: %s\n' "$name" >"$dir/config.yaml"
	mkdir -p "$(lab_cgroup2)/pierglass-$LAB_ID/sensor-$name"
	# in a cgroup of its own: whatever it leaves behind is found and counted there
	# shellcheck disable=SC2016 # for the inner shell
	setsid sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$(lab_cgroup2)/pierglass-$LAB_ID/sensor-$name" \
		"$LAB_BUILD/pierglassd" --config "$dir/config.yaml" --state "$dir/state" --run "$dir/run" --docker "$sockets" "$@" \
		>>"$dir/log" 2>&1 </dev/null &
	pid=$!
	disown "$pid" 2>/dev/null || true
	echo "$pid" >"$dir/keeper.pid"
	if ! until_true 20 sensor_is_ready "$name"; then
		flunk "sensor $name starts and is ready within 20 s" "$(sensor_why "$name")"
		docker_end
		exit 1
	fi
}
sensor_why() {
	tail -n 15 "$LAB_DIR/sensor-$1/log"
	sensor "$1" status 2>&1 | head -n 40
}
sensor_keeper() { cat "$LAB_DIR/sensor-$1/keeper.pid"; }
sensor_pids() { cat "$(lab_cgroup2)/pierglass-$LAB_ID/sensor-$1/cgroup.procs"; }
# pid of one of its programs by its name in `status`
sensor_program() { sensor "$1" status --json | jq -r --arg n "$2" '.programs[] | select(.name == $n and .running) | .pid'; }
sensor_stop() {
	local pid
	pid=$(sensor_keeper "$1") || return 0
	kill -TERM "$pid" 2>/dev/null || return 0
	lab_gone "$pid" 100 || { kill -KILL "$pid" 2>/dev/null && lab_gone "$pid"; }
}

# ---- the map -------------------------------------------------------------------------------------------------------
# Ends are shown by their containers' names ("a+b" when several are one workload), others by their node id. Left out, as
# DECISIONS 31 says: multicast, ARP and neighbour discovery (never on the map), gossip between engines, the engine's DNS.
edges() {
	sensor "$1" map --json | jq -rs '
		def l($x): [$x | .. | objects];
		(l(.) | map(select(has("kind") and has("containers")) | {key: .id, value: .}) | from_entries) as $nodes |
		def who($id): ($nodes[$id] // {}) as $n |
			if ($n.containers // []) | length > 0 then $n.containers | map(if type == "object" then .name else . end) | sort | join("+") else $id end;
		def some($a): if ($a // []) | length > 0 then $a | sort | join(",") else "-" end;
		[l(.)[] | select(has("client") and has("server") and has("port"))
			| select([.client, .server] | any(startswith("multicast:") or . == "engine:resolver") | not)
			| select((.l4 == "icmpv6" and (.port / 256 | floor) >= 133 and (.port / 256 | floor) <= 137) | not)
			| select(.l4 != "igmp")
			| [who(.client), who(.server), .l4, .port, (.app // "Unknown"), some(.client_exes), some(.server_exes)]
			| map(tostring | gsub(" "; "_")) | join(" ")] | sort | .[]'
}

# edges_missing EDGES PATTERNS, edges_extra EDGES PATTERNS: print what is; status 0 when there is none.
edges_missing() {
	local pattern edge found status=0
	while read -r pattern; do
		[ -n "$pattern" ] || continue
		found=
		while read -r edge; do
			# shellcheck disable=SC2053 # a pattern
			[[ $edge == $pattern ]] && found=1 && break
		done <<<"$1"
		[ -n "$found" ] || { echo "missing: $pattern"; status=1; }
	done <<<"$2"
	return "$status"
}
edges_extra() {
	local pattern edge found status=0
	while read -r edge; do
		[ -n "$edge" ] || continue
		found=
		while read -r pattern; do
			# shellcheck disable=SC2053 # a pattern
			[ -n "$pattern" ] && [[ $edge == ${pattern#\?} ]] && found=1 && break
		done <<<"$2"
		[ -n "$found" ] || { echo "not expected: $edge"; status=1; }
	done <<<"$1"
	return "$status"
}
# A pattern that begins with ? may be there or not.
expect_edges() {
	local name=$1 title=$2 seconds=${3:-10} patterns have out i
	patterns=$(sed 's/[ \t][ \t]*/ /g; s/^ //; s/ $//; /^#/d; /^$/d')
	for ((i = 0; i < seconds * 4; i++)); do
		have=$(edges "$name")
		out=$(edges_missing "$have" "$(grep -v '^?' <<<"$patterns")") && break
		sleep 0.25
	done
	if [ -n "$out" ]; then
		flunk "$title: every expected edge" "$out
the map:
$have"
	else
		pass "$title: every expected edge"
	fi
	if out=$(edges_extra "$have" "$patterns"); then
		pass "$title: no other edge"
	else
		flunk "$title: no other edge" "$out"
	fi
}
