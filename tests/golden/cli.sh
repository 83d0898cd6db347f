#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line against a core without a kernel (build/tests/unit/test_api --serve): every output against its schema, also
# with hostile names; exit codes and messages; nothing but text reaches the terminal; the map's formats parse.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s build/pierglass build/tests/unit/test_api >&2 || { echo "not ok 1 - build"; exit 1; }
dir=$(mktemp -d /tmp/pgX-cli-XXXXXX)
pids=()
cleanup() {
	local p
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; wait "$p" 2>/dev/null; done
	rm -rf "$dir"
}
trap cleanup EXIT

n=0 failures=0
ok() { # NAME COMMAND...
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$dir/out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		head -c 600 "$dir/out" | cat -v | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}
serve() { # DIR MODE
	mkdir "$dir/$1"
	build/tests/unit/test_api --serve "$dir/$1" "$2" &
	pids+=($!)
	for _ in $(seq 100); do [ -S "$dir/$1/api.sock" ] && break; sleep 0.05; done
}
pg() { timeout 20 build/pierglass --run "$dir/$run" "$@"; }
fits() { # SCHEMA ARGUMENTS...
	local schema=$1
	shift
	pg "$@" >"$dir/json" && python3 tests/golden/schema.py "$schema" <"$dir/json"
}
# No byte below 0x20 but newline, no DEL, no C1, no direction override.
is_text() { pg "$@" >"$dir/text" && python3 -c '
import sys, unicodedata
t = open(sys.argv[1], "rb").read().decode("utf-8")
bad = [c for c in t if c != "\n" and unicodedata.category(c) in ("Cc", "Cf")]
sys.exit("%r" % bad[:5] if bad or not t else 0)' "$dir/text"; }
follows() { # a line within a second: nothing is held back in a buffer
	timeout 5 build/pierglass --run "$dir/$run" "$@" >"$dir/follow" &
	local p=$! lines=0
	for _ in $(seq 20); do sleep 0.1; lines=$(wc -l <"$dir/follow"); [ "$lines" -ge 3 ] && break; done
	kill "$p" 2>/dev/null
	wait "$p" 2>/dev/null
	[ "$lines" -ge 3 ]
}
events_fit() { follows events --json && head -n 12 "$dir/follow" | python3 tests/golden/schema.py lines:event; }
follow_fits() { follows flows -f --json && head -n 3 "$dir/follow" | python3 tests/golden/schema.py lines:flow; }
exits() { # CODE PATTERN ARGUMENTS...: one line on standard error that matches
	local want=$1 pattern=$2 code
	shift 2
	timeout 20 build/pierglass "$@" >"$dir/stdout" 2>"$dir/err"
	code=$?
	cat "$dir/err"
	[ "$code" = "$want" ] && [ "$(wc -l <"$dir/err")" = 1 ] && grep -Eq -- "$pattern" "$dir/err" && ! [ -s "$dir/stdout" ]
}
has() { pg "${@:2}" >"$dir/text" && grep -Eq -- "$1" "$dir/text" || { cat "$dir/text"; false; }; }
graphviz() { pg map --format dot >"$dir/m.dot" && dot -Tsvg "$dir/m.dot" >"$dir/m.svg" && python3 -c '
import sys, xml.dom.minidom as x
d = x.parse(sys.argv[1])
sys.exit(0 if len(d.getElementsByTagName("g")) > int(sys.argv[2]) else "too little drawn")' "$dir/m.svg" 12; }
graphml() { pg map --format graphml >"$dir/m.xml" && python3 -c '
import sys, xml.dom.minidom as x
d = x.parse(sys.argv[1])
n, e = d.getElementsByTagName("node"), d.getElementsByTagName("edge")
ids = {k.getAttribute("id") for k in n}
sys.exit(0 if len(n) >= 7 and len(e) >= 6 and all(k.getAttribute("source") in ids and k.getAttribute("target") in ids for k in e) else "edges hang")' "$dir/m.xml"; }
cytoscape() { pg map --format cytoscape | jq -e '.elements | ([.nodes[].data.id]) as $ids | (.nodes | length) >= 7 and (.edges | length) >= 6 and
	([.nodes[].data.id, .edges[].data.id] | length == (unique | length)) and all(.edges[].data; (.source | IN($ids[])) and (.target | IN($ids[])))' >/dev/null; }
mermaid() { pg map --format mermaid >"$dir/m.mmd" && head -n 1 "$dir/m.mmd" | grep -qx 'flowchart LR' &&
	! tail -n +2 "$dir/m.mmd" | grep -Evq '^    n[0-9]+(\[|\(\[|\[\[|\{\{)"[^"<>|]*"(\]|\]\)|\]\]|\}\})$|^    n[0-9]+ -->\|"[^"<>|]*"\| n[0-9]+$'; }
html() { pg map --format html >"$dir/m.html" && [ "$(grep -o '<script' "$dir/m.html" | wc -l)" = 2 ] && python3 -c '
import sys, json, html.parser
class P(html.parser.HTMLParser):
    data, on = "", False
    def handle_starttag(self, t, a): self.on = t == "script" and ("id", "data") in a
    def handle_endtag(self, t): self.on = False
    def handle_data(self, d): self.data += d if self.on else ""
p = P(); p.feed(open(sys.argv[1], encoding="utf-8").read()); json.loads(p.data)' "$dir/m.html"; }
stable() { pg map --format dot >"$dir/a" && pg map --format dot >"$dir/b" && cmp "$dir/a" "$dir/b"; }

serve plain plain
serve hostile hostile
for run in plain hostile; do
	for list in status containers listeners flows map networks; do
		ok "$run: $list --json fits its schema" fits "$list" "$list" --json
		ok "$run: $list is text" is_text "$list"
	done
	ok "$run: flows -f --json fits, line by line" follow_fits
	ok "$run: flows -f is prompt" follows flows -f
	ok "$run: events fit, line by line" events_fit
	ok "$run: events are prompt" follows events --kind exec,syscall
	ok "$run: tree fits" fits tree tree --json
	ok "$run: tree is text" is_text tree
	ok "$run: top without a terminal is a table" is_text top
	ok "$run: flows --history --json fits" fits flows flows --history --json
	ok "$run: map --format node-graph fits" fits node-graph map --format node-graph
	ok "$run: Cytoscape JSON: no edge hangs" cytoscape
	ok "$run: Graphviz draws the map" graphviz
	ok "$run: GraphML parses, no edge hangs" graphml
	ok "$run: Mermaid lines have their form" mermaid
	ok "$run: the page holds its data and no foreign markup" html
	ok "$run: the same map, the same text" stable
done
# What the API says of itself, against what it answers: every path that can be asked without knowing an id
# (the others, and the policy that is not there: tests/docker/page.sh).
openapi() {
	curl -sf --unix-socket "$dir/$run/api.sock" http://x/v1/openapi.json >"$dir/openapi" || return 1
	jq -e '.openapi == "3.1.0" and (.paths | length > 20)' "$dir/openapi" >/dev/null || return 1
	local path schema asked=0
	while IFS=$'\t' read -r path schema; do
		curl -sf --max-time 20 --unix-socket "$dir/$run/api.sock" "http://x$path" >"$dir/answer" || { echo "$path is not answered"; return 1; }
		[ -z "$schema" ] || python3 tests/golden/schema.py "$schema" <"$dir/answer" || { echo "$path"; return 1; }
		asked=$((asked + 1))
	done < <(jq -r '.paths | to_entries[] | select(.value.get) | select(.key | test("/(stream|why|check|model|export|file|plan|policy)$") | not) |
		[.key, ((.value.get.responses["200"].content[].schema["$ref"] // "") | sub(".*/"; "") | sub("[.]json$"; ""))] | @tsv' "$dir/openapi")
	[ "$asked" -ge 10 ] || { echo "only $asked asked"; return 1; }
}
# A parameter that is described is understood; one that is not is refused.
openapi_parameters() {
	local path name
	while IFS=$'\t' read -r path name; do
		curl -s --max-time 10 --unix-socket "$dir/$run/api.sock" "http://x$path?$name=" | jq -r .error | grep -q "argument \"$name\": expected" || { echo "$path: $name is not known"; return 1; }
	done < <(jq -r '.paths | to_entries[] | select(.value.get) | .key as $k | .value.get.parameters[] | select(.in == "query") | [$k, .name] | @tsv' "$dir/openapi")
}
for run in plain hostile; do
	ok "$run: OpenAPI: answers fit what is said of them" openapi
	ok "$run: OpenAPI: what is described is understood" openapi_parameters
done
run=plain
ok "a guess is shown as a guess" has 'shop/cache +tcp:6379 +Redis\?' map
ok "one workload's edges only" has 'shop/db' map --workload shop/db
ok "flows of a workload" has 'shop/db:3306' flows -w shop/db --limit 1
rows() { [ "$(pg "${@:2}" --json | jq length)" = "$1" ] || { pg "${@:2}" --json | head -c 400; false; }; }
ok "a filter: flows by program and port" rows 1 flows --filter 'server.port = 3306 and client.exe ~ curl'
ok "... by nothing that is there" rows 0 flows --filter 'bytes_to_server > 1GiB or app = "no such"'
ok "... containers, as in --json" rows 1 containers --filter 'name = shop_web_1 and networks.addr4 = 172.16.0.0/12'
ok "... the map: edges, and what they join" eval 'pg map --json --filter "port = 3306" | jq -e "(.edges | length) == 1 and (.nodes | length) == 2" >/dev/null'
ok "... a stream" eval 'follows flows -f --json --filter "app = MySQL" && ! grep -qv "\"app\":\"MySQL\"" "$dir/follow"'
ok "... where it is wrong" exits 2 'position 12: expected "and" or "or"' --run "$dir/plain" flows --filter 'app = HTTP client.exe ~ curl'
unknown_field() { pg flows --json --filter 'cleint.exe ~ curl' 2>"$dir/err" >"$dir/json" && grep -q 'nothing here has the field "cleint.exe"' "$dir/err"; }
ok "... what has no such field is told" unknown_field
ok "since: nothing is that new" rows 0 flows --since 1s
ok "since: a date" eval '[ "$(pg flows --json --since 2020-01-01 | jq length)" -ge 2 ]'
ok "since: no time" exits 2 'since.*10m, 2h' --run "$dir/plain" flows --since yesterday
colors_around() { pg listeners --color always | grep -q $'\e\[1m' && pg listeners --color always | sed $'s/\e\[[0-9]*m//g' | cmp - <(pg listeners); }
no_colors() { pg listeners >"$dir/text" && ! grep -q $'\e' "$dir/text"; }
ok "colours: when asked, and around the text only" colors_around
ok "colours: not into a pipe" no_colors
ok "colours: a bad word" exits 2 'color' --run "$dir/plain" status --color mauve
ok "version" has '^pierglass [0-9]+\.[0-9]+\.[0-9]+$' --version
ok "help names every command" has 'listeners' help
completes() { # LINE WORD: what bash proposes at the end of LINE contains WORD
	build/pierglass completion bash >"$dir/completion" && bash -c '
		. "$1"; read -ra COMP_WORDS <<<"$2"; case $2 in *" ") COMP_WORDS+=(""); esac; COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _pierglass
		printf "%s\n" "${COMPREPLY[@]}"' - "$dir/completion" "$1" >"$dir/words" && grep -qx -e "$2" "$dir/words"
}
ok "completion: commands" completes "pierglass li" listeners
ok "completion: options of a command" completes "pierglass flows --hi" --history
ok "completion: no foreign options" eval '! completes "pierglass status --hi" --history'
ok "completion: values" completes "pierglass map --format gra" graphml
ok "completion: words after a command" completes "pierglass --run /x model " export
ok "completion is zsh" eval 'build/pierglass completion zsh | zsh -n'
no_engine() { timeout 20 build/pierglass --run /nonexistent doctor --json >"$dir/doctor" && python3 tests/golden/schema.py doctor <"$dir/doctor"; }
ok "doctor: nothing is at fault here" no_engine
ok "doctor knows what the sensor cannot see" eval 'pg doctor --json | jq -e ".checks[] | select(.group == \"Sensor\" and .check == \"cannot see\")"'
ok "doctor is text" is_text doctor
ok "no command" exits 2 'no command'
ok "unknown command" exits 2 'unknown command "frob"' frob
ok "a command's control bytes stay here" exits 2 'unknown command "\?\[31m"' $'\e[31m'
ok "unknown option" exits 2 'unknown option "--frob"' status --frob
ok "option of another command" exits 2 'takes no --follow' status -f
ok "missing value" exits 2 'value is missing after "--run"' status --run
ok "bad number" exits 2 'limit.*number from 1' --run "$dir/plain" flows --limit 0
ok "bad kind" exits 2 'kind.*with commas' --run "$dir/plain" events --kind frob
ok "unknown format" exits 2 'unknown format "exe"' --run "$dir/plain" map --format exe
ok "two formats" exits 2 'two different' --run "$dir/plain" map --json --format dot
ok "path too long" exits 2 'too long' --run "/$(printf 'x%.0s' $(seq 200))" status
ok "no sensor: the socket and what to do" exits 3 'no sensor at /nonexistent/api.sock .*pierglassd' --run /nonexistent status
refused() { # as a user without the group
	chmod 0755 "$dir" && chmod 0700 "$dir/plain"
	cp build/pierglass "$dir/pierglass" && chmod 0755 "$dir/pierglass"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/pierglass" --run "$dir/plain" status 2>"$dir/err"
	[ $? = 4 ] && grep -q 'run as root or join the group pierglass' "$dir/err"
}
ok "permission denied: what to do" refused
full() { pg map --json >/dev/full 2>"$dir/err"; [ $? != 0 ] && grep -q 'standard output' "$dir/err"; }
ok "a full disk is no success" full
ends() {
	timeout 20 build/pierglass --run "$dir/hostile" flows -f >"$dir/follow" 2>"$dir/err" &
	local p=$!
	sleep 0.5
	kill "${pids[1]}"
	wait "$p"
	[ $? = 3 ] && grep -q 'has ended' "$dir/err"
}
ok "flows -f says when the sensor ends" ends
echo "1..$n"
[ "$failures" = 0 ]
