#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs the tests: tests/run.sh [SUITE]...  (default: all; `make test` calls it without arguments)
# Suites: lint unit san fuzz golden netns docker scenarios.
# A suite is a set of programs that print TAP. Each program's output is kept in build/test-logs/; failing and skipped
# tests are printed; the last line is "N passed, N failed, N skipped". Exit 1 when something failed; with CI set, also
# when something was skipped. A program that crashes, prints no result, too few results, or takes too long, has failed.
set -u
cd "$(dirname "$0")/.." || exit 1

all_suites="lint unit san fuzz golden netns docker scenarios"
suites=${*:-$all_suites}
for s in $suites; do
	case " $all_suites " in *" $s "*) ;; *) echo "tests/run.sh: no suite '$s'; there are: $all_suites" >&2; exit 2 ;; esac
done
if [ "$(id -u)" != 0 ]; then
	echo "tests/run.sh: the tests load eBPF programs and make namespaces: run as root (sudo make test)" >&2
	exit 2
fi

logs=build/test-logs
san=address,undefined
limit_s=${TEST_TIMEOUT:-1500}
# Recipes print errors only; a whole run is quiet enough to be read.
mk() { nice make -s V="${V:-0}" -j"$(nproc)" "$@"; }
# Not ours to see: a client of another engine, or a locale that changes messages.
unset DOCKER_HOST DOCKER_CONTEXT MAKEFLAGS MFLAGS MAKELEVEL
export LC_ALL=C.UTF-8 CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

passed=0 failed=0 skipped=0
child=

# Ends a program's process group: one TERM, so that its own trap cleans up what it made, then KILL for what is left.
group_stop() {
	kill -TERM -- "-$1" 2>/dev/null
	for _ in $(seq 200); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL -- "-$1" 2>/dev/null
}
interrupted() {
	trap - INT TERM
	[ -z "$child" ] || group_stop "$child"
	echo "interrupted: $passed passed, $failed failed, $skipped skipped so far"
	exit 130
}
trap interrupted INT TERM

# tap_count LOG STATUS: prints "passed failed skipped", then a line for each test that did not pass.
# "not ok N # SKIP name" is how cmocka says skipped.
tap_count() {
	awk -v status="$2" -v limit="$limit_s" '
	function say(s) { lines = lines "\n" s }
	/^1\.\.[0-9]+/ {
		n = $0; sub(/^1\.\./, "", n); plan += n + 0; planned = 1
		if (n + 0 == 0 && toupper($0) ~ /# *SKIP/) { skip++; plan++; say("SKIP " $0) }
		next
	}
	/^(not )?ok([ \t]|$)/ {
		seen++
		if (toupper($0) ~ /# *SKIP/) { skip++; say("SKIP " $0) }
		else if (/^not ok/) { fail++; say("FAIL " $0); after = 12 }
		else pass++
		if (!/^not ok/) after = 0
		next
	}
	after > 0 && /^[ \t]*#/ { after--; say("       " $0) }
	END {
		if (status == "timeout") { fail++; say("FAIL not done after " limit " s") }
		else if (status != 0 && !fail) { fail++; say("FAIL exit status " status " without a failed test") }
		if (!seen && !skip && status == 0) { fail++; say("FAIL printed no TAP result") }
		else if (planned && seen + 0 < plan && !(skip && !seen) && status != "timeout") {
			fail += plan - seen; say("FAIL " plan - seen " of " plan " planned tests gave no result")
		}
		printf "%d %d %d%s\n", pass, fail, skip, lines
	}' "$1"
}

# run_one SUITE NAME COMMAND...: one program, in its own process group, at most $limit_s seconds.
run_one() {
	local suite=$1 name=$2 log status out counts p f s clock ended
	shift 2
	log=$logs/$suite-$name.log
	setsid "$@" >"$log" 2>&1 </dev/null &
	child=$!
	sleep "$limit_s" &
	clock=$!
	wait -n -p ended "$child" "$clock" 2>>"$log"
	status=$?
	if [ "$ended" = "$clock" ]; then
		status=timeout
		group_stop "$child"
	else
		kill "$clock"
		# Whatever it left running in its group ends with it.
		kill -KILL -- "-$child" 2>/dev/null
	fi
	wait "$child" "$clock" 2>/dev/null
	child=
	out=$(tap_count "$log" "$status")
	counts=${out%%$'\n'*}
	read -r p f s <<<"$counts"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$out" != "$counts" ]; then
		printf '%s\n' "${out#*$'\n'}" | sed "s|^|  $suite/$name: |"
		[ "$f" = 0 ] || echo "  $suite/$name: whole output in $log"
	fi
}

# A failure that is no test's: a build that broke.
fail_one() {
	echo "  FAIL $1"
	failed=$((failed + 1))
}

# build SUITE TARGET...: keeps going, so that one broken program does not hide the others' results.
build() {
	local log=$logs/$1-build.log
	shift
	mk -k "$@" >"$log" 2>&1 && return 0
	grep -E '(error:|warning:|undefined reference|\*\*\*)' "$log" | head -n 12 | sed 's/^/    /'
	fail_one "make $* (whole output in $log)"
	return 1
}

suite_lint() { run_one lint lint tools/lint.sh; }

# units SUITE DIR: runs every test that the sources say there is; one that was not built has failed.
units() {
	local t name
	for t in tests/unit/test_*.c; do
		[ -e "$t" ] || continue
		name=$(basename "$t" .c)
		if [ -x "$2/tests/unit/$name" ]; then
			run_one "$1" "$name" "$2/tests/unit/$name"
		else
			fail_one "$1/$name: was not built"
		fi
	done
}
suite_unit() { build unit all unit; units unit build; }
suite_san() { build san SAN="$san" all unit; units san "build-${san//,/-}"; }

# Each target: its seeds replayed, then a fixed number of mutations from a fixed start, so that a run can be repeated.
suite_fuzz() {
	local src name bin seeds work
	build fuzz fuzzers
	for src in tests/fuzz/fuzz_*.c; do
		[ -e "$src" ] || continue
		name=$(basename "$src" .c) bin=build/fuzz/$(basename "$src" .c)
		seeds=tests/fuzz/seeds/${name#fuzz_}
		if ! [ -x "$bin" ]; then
			fail_one "fuzz/$name: was not built"
			continue
		fi
		if [ -z "$(find "$seeds" -type f 2>/dev/null | head -n 1)" ]; then
			fail_one "fuzz/$name: no seeds in $seeds"
			continue
		fi
		work=$(mktemp -d)
		run_one fuzz "$name" bash -c '
			name=$1 bin=$2 seeds=$3 work=$4 logs=$5
			f="-rss_limit_mb=2048 -timeout=20 -artifact_prefix=$logs/$name-"
			$bin $f -runs=0 "$seeds" && echo "ok 1 - $name: seeds" || echo "not ok 1 - $name: seeds"
			$bin $f -runs=20000 -seed=1 -max_len=4096 -max_total_time=60 "$work" "$seeds" &&
				echo "ok 2 - $name: 20000 mutations" || echo "not ok 2 - $name: 20000 mutations"' \
			fuzz "$name" "$bin" "$seeds" "$work" "$logs"
		rm -rf "$work"
	done
}

# Scripts of a folder; lib*.sh are for the others to read.
scripts() {
	local t
	for t in tests/"$1"/*.sh; do
		[ -e "$t" ] || continue
		case ${t##*/} in lib*) continue ;; esac
		if [ -x "$t" ]; then
			run_one "$1" "$(basename "$t" .sh)" "$t"
		else
			fail_one "$1/${t##*/}: is not executable"
		fi
	done
}
programs_built=
programs() {
	[ -n "$programs_built" ] || build programs all helpers
	programs_built=1
}
suite_golden() { programs; scripts golden; }
suite_netns() { programs; scripts netns; }
suite_docker() { programs; scripts docker; }
suite_scenarios() {
	programs
	scripts scenarios
	[ -z "${FULL:-}" ] || run_one scenarios variations tests/scenarios/variations/run
}

echo "== packages"
tools/deps.sh build test || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
mkdir -p "$logs"
summary=
start_s=$SECONDS
for s in $suites; do
	echo "== $s"
	p0=$passed f0=$failed s0=$skipped t0=$SECONDS
	rm -f "$logs/$s-"*
	"suite_$s"
	printf -v line '%-10s %5d passed %4d failed %4d skipped %5d s\n' "$s" \
		$((passed - p0)) $((failed - f0)) $((skipped - s0)) $((SECONDS - t0))
	summary+=$line
done
echo "== summary ($((SECONDS - start_s)) s)"
printf '%s' "$summary"
status=0
[ "$failed" = 0 ] || status=1
if [ "$skipped" != 0 ] && [ -n "${CI:-}" ]; then
	echo "in CI a skipped test is a failure"
	status=1
fi
[ $((passed + failed + skipped)) != 0 ] || { echo "no test ran"; status=1; }
echo "$passed passed, $failed failed, $skipped skipped"
exit $status
