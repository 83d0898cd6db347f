# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='new edges by ways that are not connect(): MSG_FASTOPEN, io_uring'
case_class=A
case_prepare() {
	lab_in outside sh -c 'while :; do timeout 60 nc -l -k -p 9429 >/dev/null </dev/null; done' >/dev/null 2>&1 &
	lab_defer kill $!
	run app -v "$LAB_BUILD/tests/helpers/sneak:/usr/local/bin/sneak:ro" pg-many sh -c 'while sleep 0.5; do sneak uring 203.0.113.9 9429; sneak fastopen 203.0.113.9 9429; done'
}
case_benign() { in_ app sneak fastopen 203.0.113.9 9429; }
case_attack() {
	in_ app sneak fastopen 203.0.113.9 4429
	in_ app sneak uring 203.0.113.9 4430
	return 0
}
case_expect='egress.new A29-app /usr/local/bin/sneak ext:203.0.113.9'
