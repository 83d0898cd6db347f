#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `pierglass replay` on the captures that tools/gen/captures.py writes: what it says, byte for byte, in tests/golden/replay/;
# formats, standard input, several files, names, wrong use. tests/golden/replay.sh --update writes the expectations anew.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s build/pierglass build/pierglass-inspect >&2 || { echo "not ok 1 - build"; exit 1; }
dir=$(mktemp -d /tmp/pgX-replay-XXXXXX)
trap 'rm -rf "$dir"' EXIT
python3 tools/gen/captures.py "$dir/c" || { echo "not ok 1 - generator"; exit 1; }
want=tests/golden/replay

pg() { timeout 20 build/pierglass replay "$@"; }
# One text for a capture: rows, then the summary, names without the directory.
say() { pg --format json "$1" 2>"$dir/err" >"$dir/rows"; local rc=$?; cat "$dir/rows"; sed "s|$dir/c/||" "$dir/err"; echo "exit $rc"; }

if [ "${1:-}" = --update ]; then
	mkdir -p "$want"
	for f in "$dir"/c/*; do say "$f" >"$want/$(basename "$f").txt"; done
	exit 0
fi

n=0 failures=0
result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		head -c 1500 "$dir/out" | cat -v | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}
check() { # NAME COMMAND...
	local name=$1
	shift
	"$@" >"$dir/out" 2>&1
	result $? "$name"
}

for f in "$dir"/c/*; do
	name=$(basename "$f")
	say "$f" >"$dir/got"
	check "$name" diff -u "$want/$name.txt" "$dir/got"
done

c=$dir/c
# shellcheck disable=SC2317 # called through check
{
fits_schema() { # every row of every capture; names too
	local f
	for f in "$c"/*; do pg --format json --containers "$dir/inspect.json" "$f" 2>/dev/null; done >"$dir/all" &&
		python3 tests/golden/schema.py lines:replay <"$dir/all"; }
sandboxed() { # while it waits for more of a pipe: a filter, no privileges to gain, no capability, few descriptors
	local pid child rc=1
	mkfifo "$dir/pipe" && { build/pierglass replay --json - <"$dir/pipe" >/dev/null 2>&1 & pid=$!; } && exec 9>"$dir/pipe"
	head -c 200 "$c/ethernet.pcap" >&9
	for _ in $(seq 50); do
		child=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null); child=${child%% *}
		grep -qs '^Seccomp:[[:space:]]*2' "/proc/$child/status" && break
		sleep 0.1
	done
	cp "/proc/$child/status" "$dir/status" && grep -E '^(Seccomp|NoNewPrivs|CapEff|CapPrm):' "$dir/status"
	grep -q '^Seccomp:[[:space:]]*2' "$dir/status" && grep -q '^NoNewPrivs:[[:space:]]*1' "$dir/status" &&
		grep -q '^CapEff:[[:space:]]*0*$' "$dir/status" && rc=0
	exec 9>&-
	wait "$pid"
	return $rc
}
csv_fits() { pg --format csv "$c/overlays.pcap" 2>/dev/null | python3 -c '
import csv, sys
rows = list(csv.reader(sys.stdin))
assert rows[0][:5] == ["src", "dst", "sport", "dport", "l4"] and len(rows) == 7, rows
assert {len(r) for r in rows} == {15} and rows[1][14] == "4097", rows'; }
same_from_stdin() { pg --format json - <"$c/interfaces.pcapng" >"$dir/a" 2>/dev/null && pg --format json "$c/interfaces.pcapng" >"$dir/b" 2>/dev/null &&
	cmp "$dir/a" "$dir/b"; }
same_from_pipe() { (head -c 100 "$c/interfaces.pcapng"; sleep 0.2; tail -c +101 "$c/interfaces.pcapng") | pg --format json - >"$dir/a" 2>/dev/null &&
	cmp "$dir/a" "$dir/b"; }
merged() { pg --format json "$c/merge_b.pcap" "$c/merge_a.pcap" 2>/dev/null | python3 -c '
import json, sys
rows = [json.loads(l) for l in sys.stdin]
assert len(rows) == 1 and rows[0]["packets_to_server"] == 3 and rows[0]["packets_to_client"] == 2, rows
assert rows[0]["app"] == "HTTP" and rows[0]["host"] == "shop.example" and rows[0]["src"] == "10.0.0.1", rows'; }
named() {
	echo '[{"Name":"/web","NetworkSettings":{"IPAddress":"","Networks":{"n":{"IPAddress":"10.0.0.2","GlobalIPv6Address":"fd00::2"}}}},
	       {"Name":"/a\u001b[31mb","NetworkSettings":{"Networks":{"n":{"IPAddress":"10.0.0.1"}}}}]' >"$dir/inspect.json"
	pg --format json --containers "$dir/inspect.json" "$c/link_raw.pcap" 2>/dev/null | python3 -c '
import json, sys
rows = [json.loads(l) for l in sys.stdin]
assert rows[0]["server"] == "web" and rows[0]["client"] == "a\\x1b[31mb" and rows[1]["server"] == "web" and rows[1]["client"] is None, rows'; }
unprivileged() { cp build/pierglass build/pierglass-inspect "$dir/" && chmod 755 "$dir" && chmod 644 "$c"/*.pcap &&
	setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/pierglass" replay "$c/ethernet.pcap" | grep -q shop.example; }
refuses() { # EXIT PATTERN ARGUMENTS...
	local code=$1 pattern=$2
	shift 2
	pg "$@" >"$dir/a" 2>"$dir/b" </dev/null
	[ $? = "$code" ] && grep -q "$pattern" "$dir/b" && ! [ -s "$dir/a" ]
}
part_is_read() { echo nothing >"$dir/text" && pg --format json "$dir/text" "$c/merge_a.pcap" >"$dir/a" 2>"$dir/b" && [ -s "$dir/a" ] &&
	grep -q "no capture format" "$dir/b"; }
full_disk() { pg --format json "$c/ethernet.pcap" >/dev/full 2>"$dir/b"; [ $? = 4 ] && grep -q "standard output" "$dir/b"; }
text_ends_in_summary() { pg "$c/ethernet.pcap" | tail -n 2 | grep -q "^23 packets, 1518 bytes, 4 flows"; }
}
check "csv: a head, as many fields in each row, the VNI" csv_fits
check "text: the summary stands at the end" text_ends_in_summary
check "standard input says the same as the file" same_from_stdin
check "so does a pipe that hesitates" same_from_pipe
check "two files are merged in order of time into one flow" merged
check "names from docker inspect, made harmless" named
check "every row fits etc/schema/replay.json" fits_schema
check "no root is needed" unprivileged
check "the sandbox is on" sandboxed
check "labels do not depend on how a conversation travels" python3 tests/golden/replay_forms.py build/pierglass
check "no file: usage" refuses 2 "which file" --json
check "a file that is not there" refuses 2 "No such file" "$dir/none"
check "a directory" refuses 2 "directory" "$dir"
check "no capture: exit 2" refuses 2 "no capture format" --json tests/golden/replay.sh
check "empty: exit 2" refuses 2 "empty" --json /dev/null
check "a format there is not" refuses 2 "text, json or csv" --format xml "$c/ethernet.pcap"
check "one of two files is a capture: exit 0" part_is_read
check "a full disk is no success" full_disk
echo "1..$n"
[ "$failures" = 0 ]
