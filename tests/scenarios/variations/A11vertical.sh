# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='many ports of one address are tried'
case_class=A
case_prepare() {
	run app pg-many node /srv/node/app.js
	run victim pg-many redis-server --bind 0.0.0.0 --protected-mode no
}
case_attack() { in_ app sh -c 'a=$(getent hosts A11vertical-victim | cut -d" " -f1); for p in $(seq 20 120); do echo; done | true; nc -z -w 1 $a 20-120; nc -z -w 1 $a 6370-6390; true'; }
case_expect='scan.vertical A11vertical-app /usr/bin/nc.openbsd pg-many/A11vertical-victim'
