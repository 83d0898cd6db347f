#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A scenario must be able to fail: with the check left out that it rests on (configuration test.without), each goes red. Most of
# them in one run; where one's check would hide behind another's, in a second.
set -u
declare -A check=([S2]=drift [S3]=squatted [S4]=squatted [S5]=protocol [S6]=edge-in [S8]=listed [S9]=process [S10]=listener [A11]=scan [A15]=volume
	[A24]=metadata [A25]=fileless [A28]=raw-socket)
[ -z "${FULL:-}" ] || check+=([S7]=syscall [A08]=process [A09]=process [A13]=rate [A16]=dns [A23]=engine [A29]=edge-out [A30]=edge-in)
without=$(printf '%s\n' "${check[@]}" | sort -u | paste -sd,)
mapfile -t cases < <(printf '%s\n' "${!check[@]}" | sort -V)
out=$(SC_WITHOUT=$without "$(dirname "$0")/node.sh" "${cases[@]}" 2>&1)
n=0 failed=0
for c in "${cases[@]}"; do
	n=$((n + 1))
	if grep -q "^not ok [0-9]* - $c: found" <<<"$out"; then
		echo "ok $n - $c goes red without the check \"${check[$c]}\""
	else
		failed=1
		echo "not ok $n - $c goes red without the check \"${check[$c]}\""
		grep -- "- $c: " <<<"$out" | sed 's/^/#   /'
	fi
done
[ "$failed" = 0 ] || tail -n 20 <<<"$out" | sed 's/^/# /'
echo "1..$n"
exit $failed
