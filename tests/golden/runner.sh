#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run.sh itself: what it counts as passed, failed and skipped, and that the lint scripts find what they look for.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0 failed=0

check() { # NAME WANTED GOT
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		failed=1
		echo "not ok $n - $1"
		printf '# wanted: %s\n# got: %s\n' "$2" "$3"
	fi
}

mkdir -p "$dir"/tests/netns "$dir"/tools
cp "$top/tests/run.sh" "$dir/tests/"
printf '#!/bin/sh\n' >"$dir/tools/deps.sh"
chmod +x "$dir/tools/deps.sh"
printf 'all helpers:\n\t@true\n' >"$dir/Makefile"

# runs NAME WANTED BODY [SETTING...]: the last line of a run over one script of this body
runs() {
	local name=$1 wanted=$2 got
	printf '#!/bin/bash\n%s\n' "$3" >"$dir/tests/netns/one.sh"
	chmod +x "$dir/tests/netns/one.sh"
	shift 3
	got=$(env -u CI TEST_TIMEOUT=2 "$@" "$dir/tests/run.sh" netns 2>&1)
	check "$name" "$wanted" "$(tail -n 1 <<<"$got")"
}
# status_of NAME WANTED BODY [SETTING...]: its exit status
status_of() {
	local name=$1 wanted=$2
	printf '#!/bin/bash\n%s\n' "$3" >"$dir/tests/netns/one.sh"
	shift 3
	env -u CI "$@" "$dir/tests/run.sh" netns >/dev/null 2>&1
	check "$name" "$wanted" "$?"
}

runs "all pass" "2 passed, 0 failed, 0 skipped" 'echo 1..2; echo "ok 1 - a"; echo "ok 2 - b"'
runs "a failed test" "1 passed, 1 failed, 0 skipped" 'echo "ok 1 - a"; echo "not ok 2 - b"; exit 1'
runs "a skipped test" "1 passed, 0 failed, 1 skipped" 'echo "ok 1 - a"; echo "ok 2 - b # SKIP no engine"'
runs "cmocka's way to say skipped" "1 passed, 0 failed, 1 skipped" 'echo "ok 1 - a"; echo "not ok 2 # SKIP b"'
runs "a file that skips all" "0 passed, 0 failed, 1 skipped" 'echo "1..0 # SKIP not here"'
runs "no result is a failure" "0 passed, 1 failed, 0 skipped" 'true'
runs "a crash is a failure" "1 passed, 1 failed, 0 skipped" 'echo "ok 1 - a"; kill -SEGV $$'
runs "an exit status without a failed test is a failure" "1 passed, 1 failed, 0 skipped" 'echo "ok 1 - a"; exit 3'
runs "planned tests without result are failures" "1 passed, 2 failed, 0 skipped" 'echo 1..3; echo "ok 1 - a"'
runs "a hang is a failure" "1 passed, 1 failed, 0 skipped" 'echo "ok 1 - a"; sleep 60'
status_of "exit 0 when all pass" 0 'echo "ok 1 - a"'
status_of "exit 1 when one fails" 1 'echo "not ok 1 - a"'
status_of "a skip is no failure on a user's machine" 0 'echo "ok 1 - a # SKIP x"'
status_of "a skip is a failure in CI" 1 'echo "ok 1 - a # SKIP x"' CI=true
runs "what hangs may clean up" "0 passed, 1 failed, 0 skipped" "trap 'touch $dir/cleaned' EXIT; sleep 60"
check "its trap has run" yes "$([ -e "$dir/cleaned" ] && echo yes)"

# faults FILE TEXT: how many faults check_includes finds in a file of this name and content
faults() {
	mkdir -p "$dir/src/$(dirname "$1")"
	printf '%s\n' "$2" >"$dir/src/$1"
	(cd "$dir/src" && "$top/tools/check_includes" "$1" | wc -l)
}
check "flows may include base" 0 "$(faults flows/x.c '#include "base/log.h"')"
check "base may not include flows" 1 "$(faults base/x.c '#include "flows/flow_key.h"')"
check "flows may not include the sensor" 1 "$(faults flows/x.c '#include "sensor/msg.h"')"
check "nDPI may not be met elsewhere" 1 "$(faults appid/inspector.c '#include <ndpi_api.h>')"
check "nDPI in its file" 0 "$(faults appid/ndpi_engine.c '#include <ndpi_api.h>')"
check "no library in a header" 1 "$(faults sensor/core/store_x.h '#include <sqlite3.h>')"
check "system headers come first" 1 "$(faults base/x.c '#include "base/x.h"
#include "base/log.h"
#include <stdio.h>')"
echo "1..$n"
exit $failed
