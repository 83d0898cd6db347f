# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='HTTP to a new peer, one byte a segment'
case_class=A
case_prepare() {
	run app -v "$LAB_BUILD/tests/helpers/sneak:/usr/local/bin/sneak:ro" pg-many sh -c 'node /srv/node/app.js & while sleep 0.7; do sneak drip 127.0.0.1 3000 2; done'
	run other pg-many node /srv/node/app.js
	client_of c "http://A30-app:3000/"
}
# a slow client of a service that it knows
case_benign() { in_ app sneak drip 127.0.0.1 3000 40; }
case_attack() { in_ app sh -c 'sneak drip $(getent hosts A30-other | cut -d" " -f1) 3000 40'; }
case_expect='peer.unlinked A30-app /usr/local/bin/sneak pg-many/A30-other'
