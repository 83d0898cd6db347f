#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What people get wrong: each time a clear message and an exit code, and nothing is lost.
set -u
# shellcheck source=tests/docker/lib.sh
. "$(dirname "$0")/lib.sh"
docker_begin
d=$LAB_DIR/bad
mkdir -p "$d"
chmod 755 "$d"

# says STATUS PATTERN COMMAND...: ends with that status within 10 s and says something that matches
says() {
	local want=$1 pattern=$2 status out
	shift 2
	out=$(timeout 10 "$@" 2>&1 </dev/null)
	status=$?
	# shellcheck disable=SC2053 # a pattern
	[[ $status == $want ]] && grep -Eiq -- "$pattern" <<<"$out" && return 0
	printf 'status %s, want %s; said (want /%s/):\n%s\n' "$status" "$want" "$pattern" "$out"
	return 1
}
pgd=$LAB_BUILD/pierglassd
pg=$LAB_BUILD/pierglass
dirs=(--state "$d/state" --run "$d/run")
# copies where nobody can reach them: a home directory is private
cp "$pgd" "$pg" "$d/"

ok "pierglassd: unknown option" says 2 'nonsense|unrecognized|unknown' "$pgd" --nonsense
ok "pierglassd: option without its value" says 2 'argument|value' "$pgd" --run
ok "pierglass: unknown command" says 2 'nonsense|unknown' "$pg" nonsense
ok "pierglass: unknown option" says 2 'nonsense|unrecognized|unknown' "$pg" map --nonsense
ok "pierglass: unknown map format" says 2 'format' "$pg" --run "$d/run" map --format nonsense
ok "pierglass: no sensor there" says 3 'no sensor|not running|sensor' "$pg" --run "$d/none" status
ok "pierglassd: not root" says 4 'must be run as root' setpriv --reuid 65534 --regid 65534 --clear-groups "$d/pierglassd" "${dirs[@]}"
printf 'node: x\nlimits:\n  flowss: 7\n' >"$d/config.yaml"
ok "pierglassd: unknown key in the configuration, with its line" says '[1-9]*' '(config[a-z.]*:3|line 3).*flowss|flowss.*(:3|line 3)' "$pgd" --config "$d/config.yaml" "${dirs[@]}"
ok "pierglassd: configuration that is not there" says '[1-9]*' 'nowhere.yaml' "$pgd" --config "$d/nowhere.yaml" "${dirs[@]}"
printf 'node: [\n' >"$d/config.yaml"
ok "pierglassd: configuration that is no YAML" says '[1-9]*' 'config[a-z.]*:[12].*yaml' "$pgd" --config "$d/config.yaml" "${dirs[@]}"
touch "$d/file"
ok "pierglassd: state directory that is a file" says '[1-9]*' "$d/file" "$pgd" --state "$d/file" --run "$d/run"

# -- no engine yet: it says so, runs, and finds the engine when it comes
mkdir -p "$LAB_DIR/a" "$LAB_DIR/sensor-s/run"
printf 'node: s\n' >"$LAB_DIR/sensor-s/config.yaml"
"$pgd" --config "$LAB_DIR/sensor-s/config.yaml" --state "$LAB_DIR/sensor-s/state" --run "$LAB_DIR/sensor-s/run" \
	--docker "$(lab_socket a)" >"$LAB_DIR/sensor-s/log" 2>&1 </dev/null &
keeper=$!
disown "$keeper"
lab_defer "kill -9 $keeper 2>/dev/null"
echo "$keeper" >"$LAB_DIR/sensor-s/keeper.pid"
down() { sensor s status --json | jq -es '.[0].engines | length == 1 and (.[0].up | not) and (.[0].error | length > 0)' >/dev/null; }
ok "no Docker socket: the sensor runs and its status says what is wrong" until_true 15 down
ok "no Docker socket: it said so at start" grep -q "$(lab_socket a)" "$LAB_DIR/sensor-s/log"
ok "no Docker socket: status for people names it, too" says 0 "$(lab_socket a)" "$pg" --run "$LAB_DIR/sensor-s/run" status
lab_engine_start a
ok "the engine comes: found without a restart" until_true 20 sensor_is_ready s

# -- the API socket: not for everyone; and only what it knows
api=$LAB_DIR/sensor-s/run/api.sock
ok "API: no access for others" says 4 'permission|denied' setpriv --reuid 65534 --regid 65534 --clear-groups "$d/pierglass" --run "$LAB_DIR/sensor-s/run" status
mode() { [ "$(stat -c %a "$api")" = 660 ] || { stat -c %a "$api"; return 1; }; }
ok "API: socket mode 0660" mode
code() { curl -s -o /dev/null -w '%{http_code}' --max-time 5 --unix-socket "$api" "$@"; }
# shellcheck disable=SC2053 # a pattern
is_code() { local want=$1 have; shift; have=$(code "$@"); [[ $have == $want ]] || { echo "$have"; return 1; }; }
ok "API: POST is refused" is_code '4??' -X POST http://x/v1/status
ok "API: an unknown path is 404" is_code 404 http://x/nonsense
ok "API: a path out of its root is refused" is_code '4??' --path-as-is 'http://x/../../etc/passwd'
ok "API: 100 kB of header are refused" is_code '[04]??' -H "x: $(head -c 100000 /dev/zero | tr '\0' a)" http://x/
garbage() { head -c 200000 /dev/urandom | timeout 5 nc -N -U "$api" >/dev/null 2>&1; sensor_is_ready s; }
ok "API: garbage leaves the sensor alive" garbage

# -- another one on the same run directory
ok "a second sensor on the same run directory is refused" says '[1-9]*' 'run|another|already|in use' "$pgd" \
	--state "$d/state2" --run "$LAB_DIR/sensor-s/run" --docker "$(lab_socket a)"
ok "... and the first goes on" sensor_is_ready s
sensor_stop s

# -- a corrupt state file: kept aside, not deleted, said
db=$(find "$LAB_DIR/sensor-s/state" -name '*.db' -o -name '*.sqlite*' | grep -v -e '-wal$' -e '-shm$' | head -n 1)
ok "there is a state file" test -n "$db"
head -c 50000 /dev/urandom >"$db"
sum=$(sha256sum <"$db")
rm -f "$db-wal" "$db-shm"
sensor_start s "$(lab_socket a)"
pass "corrupt state file: the sensor starts"
aside() {
	local f
	for f in "$LAB_DIR"/sensor-s/state/*; do
		[ "$f" != "$db" ] && [ "$(sha256sum <"$f")" = "$sum" ] && return 0
	done
	ls -la "$LAB_DIR/sensor-s/state"
	return 1
}
ok "corrupt state file: kept aside, unchanged" aside
ok "corrupt state file: status says so" eval 'sensor s status | grep -Eiq "corrupt|aside|damaged|kept" || { sensor s status; false; }'
sensor_stop s
docker_end
