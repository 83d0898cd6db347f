#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A scenario must be able to fail: with the checks switched off that it rests on (alerts.silence), each goes red.
set -u
cases=(S2 S3 S4 S5 S6 S9 S10 A24 A25 A28)
[ -n "${FULL:-}" ] && cases+=(S7 A08 A09 A18)
out=$(SC_MUTATE=1 "$(dirname "$0")/node.sh" "${cases[@]}" 2>&1)
n=0 failed=0
for c in "${cases[@]}"; do
	n=$((n + 1))
	if grep -q "^not ok [0-9]* - $c: found" <<<"$out"; then
		echo "ok $n - $c goes red when its checks are off"
	else
		failed=1
		echo "not ok $n - $c goes red when its checks are off"
		grep -- "- $c: " <<<"$out" | sed 's/^/#   /'
	fi
done
[ "$failed" = 0 ] || tail -n 20 <<<"$out" | sed 's/^/# /'
echo "1..$n"
exit $failed
