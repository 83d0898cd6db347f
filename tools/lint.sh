#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Static checks, one TAP line each: include boundaries, banned calls, file heads, cppcheck, clang-tidy, shellcheck, python.
# tools/lint.sh [CHECK]...   CHECK: includes bans heads space cppcheck tidy shell python    (default: all)
set -u
cd "$(dirname "$0")/.." || exit 1

n=0 failures=0
out=$(mktemp) || exit 1
trap 'rm -f "$out" "$out".*' EXIT

# result NAME STATUS: prints what $out holds below a "not ok".
result() {
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		failures=$((failures + 1))
		echo "not ok $n - $1"
		sed 's/^/# /' "$out" | head -n 200
	fi
}
# Files that belong to the project: known to git, or new and not ignored.
files() { git ls-files -co --exclude-standard -- "$@" | while read -r f; do [ -f "$f" ] && echo "$f"; done; }
# Without the files of the images that tests read: those are other people's scripts.
own() { grep -vE '^tests/golden/.*/root/'; }
product_c() { files 'base/*.c' 'flows/*.c' 'appid/*.c' 'intel/*.c' 'enforce/*.c' 'sensor/*.c' 'tools/*.c' | grep -v '\.bpf\.c$'; }

check_includes() {
	tools/check_includes >"$out" 2>&1
	result "include boundaries" $?
}

# ban WHY REGEX PATHSPEC...: a comment line may name what it wants.
ban() {
	local why=$1 regex=$2
	shift 2
	git grep --untracked -nP "$regex" -- "$@" 2>/dev/null | grep -vP '^[^:]+:\d+:\s*(/?\*|//|#)' >>"$out.bans" &&
		echo "  ^ $why" >>"$out.bans"
}
check_bans() {
	: >"$out.bans"
	ban "unbounded copies: use snprintf, memccpy or the helpers of base/" \
		'\b(strcpy|strcat|sprintf|vsprintf|stpcpy|gets|strncat)\s*\(' '*.c' '*.h'
	ban "no error is seen: use strtoul or base/" '\b(atoi|atol|atoll|atof)\s*\(' '*.c' '*.h'
	ban "not reentrant, or predictable names" '\b(strtok|tmpnam|tempnam|mktemp|localtime|gmtime|asctime|ctime|rand|srand)\s*\(' '*.c' '*.h' ':!tests'
	ban "product code runs no tools (DECISIONS 10)" '\b(system|popen|execl|execlp|execle|execv|execvp|execvpe|posix_spawnp?)\s*\(' \
		'base/*.[ch]' 'flows/*.[ch]' 'appid/*.[ch]' 'intel/*.[ch]' 'enforce/*.[ch]' 'sensor/*.[ch]' 'tools/pierglass/*.[ch]'
	ban "variable-length stack" '\balloca\s*\(' '*.c' '*.h'
	ban "promises later work: do it or leave it" '\b(TODO|FIXME|XXX|HACK)\b' '*.c' '*.h'
	# The same words in comments, which ban() leaves out on purpose for the calls above.
	git grep --untracked -nE '\b(TODO|FIXME|XXX)\b' -- '*.c' '*.h' '*.sh' ':!tools/lint.sh' >>"$out.bans"
	mv "$out.bans" "$out"
	! [ -s "$out" ]
	result "banned calls and words" $?
}

check_heads() {
	files '*.c' '*.h' '*.sh' '.ci/run' 'tools/check_includes' 'Makefile' | own | while read -r f; do
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || echo "$f: no SPDX line"
		case $f in *.sh) ! head -n 1 "$f" | grep -q '^#!' || [ -x "$f" ] || echo "$f: not executable" ;; esac
	done >"$out"
	! [ -s "$out" ]
	result "SPDX line at the head of each file" $?
}

check_space() {
	git grep --untracked -nIE '[ 	]+$' -- '*.c' '*.h' '*.sh' '*.py' '*.md' '*.yaml' Makefile ':!tests/golden' >"$out"
	git grep --untracked -nIP '^ {4,}\S' -- '*.c' '*.h' | grep -vP ':\d+:\s+\*' | head -n 20 >>"$out"
	files '*.c' '*.h' ':!tests' | xargs -r awk '
		{ l = $0; gsub(/\t/, "        ", l) }
		length(l) > 160 { print FILENAME ":" FNR ": line of " length(l) " columns" }' >>"$out"
	! [ -s "$out" ]
	result "no trailing space, tabs indent, lines fit" $?
}

check_cppcheck() {
	# Suppressed, with the reason:
	#  missingInclude*: system headers are not given to it on purpose (they cost minutes and bring nothing)
	#  unknownMacro, preprocessorErrorDirective: macros of those headers
	#  toomanyconfigs: a note about itself
	#  memleak, resourceLeak: it does not know __attribute__((cleanup)), our way of freeing (LeakSanitizer sees the tests)
	#  uninitvar: alarms at HASH_ITER and other macros of headers it does not see (clang's analyzer looks for the same)
	#  unknownEvaluationOrder: alarms at designated initialisers (".seq = ++seq")
	#  nullPointerRedundantCheck: alarms at checks after cleanup attributes and in loops that end by a freed object
	product_c | xargs cppcheck --quiet --std=c11 --language=c -j "$(nproc)" --inline-suppr \
		--enable=warning,performance,portability --error-exitcode=1 --template='{file}:{line}: {severity} {id}: {message}' \
		--suppress=missingInclude --suppress=missingIncludeSystem --suppress=unknownMacro \
		--suppress=preprocessorErrorDirective --suppress=toomanyconfigs --suppress=unmatchedSuppression \
		--suppress=memleak --suppress=resourceLeak --suppress=uninitvar --suppress=unknownEvaluationOrder \
		--suppress=nullPointerRedundantCheck \
		-D_GNU_SOURCE -D__linux__ -D__x86_64__ -D__GNUC__ -I. >"$out" 2>&1
	result "cppcheck" $?
}

check_tidy() {
	local tidy status
	if ! tidy=$(command -v clang-tidy-14 || command -v clang-tidy); then
		echo "clang-tidy-14 is not installed" >"$out"
		result "clang-tidy" 1
		return
	fi
	# Skeletons that the loaders include must exist; `make` built them, or this does.
	make -s -j"$(nproc)" skeletons >"$out" 2>&1 || { result "clang-tidy" 1; return; }
	product_c | nice xargs -P "$(nproc)" -n 4 sh -c '"$@" -- -std=gnu11 -D_GNU_SOURCE -I. -Ibuild '"$(pkg-config --cflags glib-2.0)" tidy "$tidy" --quiet \
		>"$out.tidy" 2>"$out.err"
	status=$?
	grep -E '(warning|error):' "$out.tidy" | sed "s|^$PWD/||" | sort -u >"$out.found"
	# The analyser misreads uthash's macros: it takes every bucket for the freed or empty one.
	while IFS=: read -r file line rest; do
		case $rest in
		*clang-analyzer-*) sed -n "${line}p" "$file" | grep -qE '\bHASH_[A-Z_]+\(' && continue ;;
		esac
		echo "$file:$line:$rest"
	done <"$out.found" >"$out"
	[ "$status" = 0 ] || [ -s "$out.found" ] || cat "$out.err" >"$out"
	! [ -s "$out" ]
	result "clang-tidy" $?
}

check_shell() {
	{ files '*.sh' .ci/run; files 'tests/**' 'tools/**' | xargs -r grep -lE '^#!.*\b(bash|sh)$' 2>/dev/null; } | own | sort -u |
		xargs -r shellcheck -S info >"$out" 2>&1
	result "shellcheck" $?
}

check_python() {
	{ files '*.py'; files 'tests/**' 'tools/**' | xargs -r grep -lE '^#!.*python3$' 2>/dev/null; } | own | sort -u | while read -r f; do
		python3 - "$f" <<-'EOF' || echo "$f: does not compile"
			import ast, sys
			ast.parse(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1])
		EOF
	done >"$out" 2>&1
	! [ -s "$out" ]
	result "python compiles" $?
}

[ $# -gt 0 ] || set -- includes bans heads space cppcheck tidy shell python
for check; do
	"check_$check"
done
echo "1..$n"
[ "$failures" = 0 ]
