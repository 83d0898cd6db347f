# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='nc listens on an unpublished port'
case_class=S
case_prepare() {
	run app pg-many sh -c 'node /srv/node/app.js & while sleep 0.5; do getent hosts S10-c >/dev/null; done'
	client_of c "http://S10-app:3000/"
}
# a resolver's ephemeral sockets
case_benign() { in_ app getent hosts S10-c; }
case_attack() {
	bg app sh -c 'nc -l -p 31337'
	sleep 0.5
}
case_expect='listener.new S10-app /usr/bin/nc.openbsd *'
