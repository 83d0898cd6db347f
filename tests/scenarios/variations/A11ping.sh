# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a ping sweep over addresses where nobody answers'
case_class=A
case_prepare() {
	run app pg-many node /srv/node/app.js
	run pings pg-many sh -c 'while sleep 0.5; do ping -c 1 -W 1 203.0.113.9; done'
}
case_attack() { in_ app sh -c 'for i in $(seq 1 30); do ping -c 1 -W 1 198.51.100.$i & done; wait'; }
case_expect='scan.horizontal A11ping-app /usr/bin/ping *'
