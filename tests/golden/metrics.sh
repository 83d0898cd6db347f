#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Metrics, alert rules and dashboard, by promtool: form, names, and that rules and dashboard ask for nothing that is not there.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) pids=()
cleanup() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	rm -rf "$dir"
}
trap cleanup EXIT
n=0 failures=0
ok() { # NAME COMMAND...
	local name=$1
	shift
	n=$((n + 1))
	if ("$@") >"$dir/out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		head -c 800 "$dir/out" | cat -v | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}
promtool=$(tests/lab/promtool.sh) || { echo "not ok 1 - promtool can be had (package prometheus)"; echo 1..1; exit 1; }

for run in plain hostile; do
	mkdir "$dir/$run"
	build/tests/unit/test_api --serve "$dir/$run" "$run" &
	pids+=($!)
	for _ in $(seq 100); do [ -S "$dir/$run/api.sock" ] && break; sleep 0.05; done
	ok "$run: the sensor gives metrics" eval 'build/pierglass --run "$dir/$run" metrics >"$dir/$run.txt" && [ -s "$dir/$run.txt" ]'
	ok "$run: promtool finds nothing" eval '[ -s "$dir/$run.txt" ] && "$promtool" check metrics <"$dir/$run.txt" >"$dir/lint" 2>&1; r=$?; cat "$dir/lint"; [ $r = 0 ] && ! [ -s "$dir/lint" ]'
	ok "$run: no name stands twice" eval '[ -s "$dir/$run.txt" ] && ! grep -v "^#" "$dir/$run.txt" | sed "s/ [^ ]*$//" | sort | uniq -d | grep .'
	ok "$run: every cause of loss is told" eval '[ "$(grep -c "^pierglass_loss_total{" "$dir/$run.txt")" = "$(build/pierglass --run "$dir/$run" status --json | jq ".loss | length")" ]'
	ok "$run: every kernel counter is told" eval '[ -s "$dir/$run.txt" ] && for k in $(build/pierglass --run "$dir/$run" status --json | jq -r ".counters | keys[] | select(test(\"^(api|store|inspector|flows)_\") | not)"); do
		grep -q "^pierglass_${k}_total " "$dir/$run.txt" || { echo "$k"; exit 1; }; done'
done
ok "a workload's bytes are those of the map" eval '
	w=$(build/pierglass --run "$dir/plain" map --json | jq -r "[.edges[] | select(.client | test(\"/\"))][0].client")
	sum=$(build/pierglass --run "$dir/plain" map --json | jq --arg w "$w" "[.edges[] | (select(.client == \$w) | .bytes_to_server), (select(.server == \$w) | .bytes_to_client)] | add")
	echo "$w $sum"; grep -Fqx "pierglass_workload_sent_bytes{workload=\"$w\"} $sum" "$dir/plain.txt"'

ok "promtool accepts the alert rules" "$promtool" check rules etc/prometheus/pierglass.rules.yml
# The dashboard's questions as recording rules, for the same judge.
jq -r '.panels[].targets[].expr' etc/grafana/pierglass.json >"$dir/exprs"
jq -R -s 'split("\n") | map(select(. != "")) | {groups: [{name: "dashboard", rules: [to_entries[] | {record: "q\(.key)", expr: .value}]}]}' \
	"$dir/exprs" | sed 's/\$instance/x/g' >"$dir/dashboard.yml"
ok "promtool accepts the dashboard's questions" "$promtool" check rules "$dir/dashboard.yml"
asked() { grep -oh 'pierglass_[a-z_]*' "$dir/exprs" etc/prometheus/pierglass.rules.yml | sort -u; }
ok "rules and dashboard ask only for what there is" eval '[ "$(asked | wc -l)" -gt 8 ] && for m in $(asked); do grep -q "^# TYPE $m " "$dir/plain.txt" || { echo "$m"; exit 1; }; done'
echo "1..$n"
[ "$failures" = 0 ]
