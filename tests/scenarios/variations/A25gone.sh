# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a program is run and deleted, '
case_class=A
case_prepare() { run app pg-many node /srv/node/app.js; client_of c "http://A25gone-app:3000/"; }
case_attack() {
	in_ app sh -c 'cp /usr/bin/sleep /var/tmp/x; /var/tmp/x 0.5 & sleep 0.1; rm /var/tmp/x; wait'
}
case_expect='process.new A25gone-app /var/tmp/x* *'
