# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='netcat listens on a port of IPv6 only, and on one of the loopback'
case_class=S
case_prepare() { run app pg-many node /srv/node/app.js; client_of c "http://S10six-app:3000/"; }
case_attack() {
	bg app nc -6 -l -p 31338
	bg app nc -l 127.0.0.1 31339
	sleep 0.5
}
case_expect='listener.new S10six-app /usr/bin/nc.openbsd *'
