#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Line coverage of the parsers of packets in appid/ and sensor/facts.c (the readers of images, compose files and rules are scan's):
# unit tests, fuzz seeds and the generator's captures, run on an instrumented build of its own (build/cov). Prints one line per
# file, then the sum; exits 1 when one of them is below LEAST percent (90).
# tools/coverage.sh [FILE.c]...     with files: also the lines that were never reached
set -u
cd "$(dirname "$0")/.." || exit 1

least=${LEAST:-90}
dir=build/cov
parsers=$(for f in appid/*.c sensor/facts.c; do basename "$f" .c; done | grep -vxE 'inspect_main|replay_main|scan_main|sample_ring|config_job|allowed|archive_image|compose|heads|image_tree')
units="test_recognise test_inspector test_detail test_tls_hello test_http_head test_dns_answer test_stream_head test_replay test_replay_captures test_inspect_captures"
fuzzers="detail http2 der tls http dns recognise inspect replay datagram stream_head ip_join facts"

mkdir -p "$dir" || exit 1
rm -f "$dir"/*.gcda
# A header that is newer than an object (or a test's source than its program) makes everything anew.
newest=$(find appid base flows sensor tests/unit tests/fuzz -name '*.h' -newer "$dir/built" 2>/dev/null | head -n 1)
[ -f "$dir/built" ] && [ -z "$newest" ] || rm -f "$dir"/*.o "$dir"/*.gcno "$dir"/run_* "$dir/all.a"
flags="-std=gnu11 -D_GNU_SOURCE -I. -Ibuild -O0 -g --coverage -fprofile-update=atomic -DPG_SAN=1"
build=0
while read -r src obj; do
	[ "$obj" -nt "$src" ] && continue
	# shellcheck disable=SC2086 # the flags are words
	${CC:-gcc} $flags -c "$src" -o "$obj" || exit 1
	build=$((build + 1))
done < <(for f in appid/*.c base/*.c flows/*.c sensor/*.c; do
	[ "$f" = appid/inspect_main.c ] || echo "$f $dir/$(basename "$f" .c).o"
done)
[ "$build" -gt 0 ] && rm -f "$dir"/run_* "$dir/all.a"
[ -f "$dir/all.a" ] || ar rcs "$dir/all.a" "$dir"/*.o || exit 1
touch "$dir/built"
for t in $units; do [ "$dir/run_$t" -nt "tests/unit/$t.c" ] || rm -f "$dir/run_$t"; done
for t in $fuzzers; do [ "$dir/run_fuzz_$t" -nt "tests/fuzz/fuzz_$t.c" ] || rm -f "$dir/run_fuzz_$t"; done
libs="-lcmocka -ljansson -lpcap -lndpi -lgcrypt -lldns -lbpf -lseccomp -lcap-ng -lfyaml -lcrypto -lm"
cat >"$dir/seeds.c" <<'EOF'
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		size_t n;
		char *p = malloc(1 << 20);
		n = f ? fread(p, 1, 1 << 20, f) : 0;
		LLVMFuzzerTestOneInput((uint8_t *)p, n);
		if (f)
			fclose(f);
		free(p);
	}
	return 0;
}
EOF
run() { # PROGRAM ARGUMENTS: must end well, what it prints does not matter here
	timeout 300 "$@" >"$dir/out" 2>&1 || { echo "not ok - $*"; tail -n 5 "$dir/out"; exit 1; }
}
# shellcheck disable=SC2086
for t in $units; do
	[ -x "$dir/run_$t" ] || ${CC:-gcc} $flags "tests/unit/$t.c" "$dir/all.a" -o "$dir/run_$t" $libs || exit 1
	run "$dir/run_$t"
done
# shellcheck disable=SC2086
for t in $fuzzers; do
	[ -x "$dir/run_fuzz_$t" ] || ${CC:-gcc} $flags "$dir/seeds.c" "tests/fuzz/fuzz_$t.c" "$dir/all.a" -o "$dir/run_fuzz_$t" $libs || exit 1
	run "$dir/run_fuzz_$t" "tests/fuzz/seeds/$t"/*
done

total=0 reached=0 low=
for f in $parsers; do
	line=$(cd "$dir" && gcov -n "$f.gcda" 2>/dev/null | grep -A1 "^File '.*/\?$f\.c'" | tail -n 1)
	[ -n "$line" ] || { echo "   -  $f.c: not run"; continue; }
	percent=${line#*:} percent=${percent%%\%*} of=${line##* }
	printf '%6.2f%% of %5d lines  %s.c\n' "$percent" "$of" "$f"
	awk -v p="$percent" -v least="$least" 'BEGIN { exit p < least }' || low="$low $f.c"
	total=$((total + of))
	reached=$(awk -v r="$reached" -v p="$percent" -v n="$of" 'BEGIN { printf "%.0f", r + p * n / 100 }')
done
[ "$total" -gt 0 ] || exit 1
awk -v r="$reached" -v t="$total" -v least="$least" 'BEGIN {
	printf "%6.2f%% of %5d lines  all\n", r * 100 / t, t
	exit r * 100 / t < least }'
status=$?
[ -z "$low" ] || { echo "below $least %:$low"; status=1; }
for f; do
	gcov -t -o "$dir" "$dir/$(basename "$f" .c).gcda" 2>/dev/null | awk -v f="/$(basename "$f")" '/:Source:/ { on = "/" $0 ~ f "$" } on && /#####:/'
done
exit $status
