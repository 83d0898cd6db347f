# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a shell from outside the process tree, uname, id'
case_class=A
case_prepare() {
	run app pg-many node /srv/node/app.js
	# the health check is what the engine runs
	run checked --health-cmd 'curl -sf -o /dev/null http://localhost:3000/' --health-interval 1s pg-many node /srv/node/app.js
}
case_benign() { sleep 1; }
case_attack() { in_ app sh -c 'uname -a; id'; }
case_expect='process.new A08-app /usr/bin/dash *
process.new A08-app /usr/bin/uname *'
case_max=3
