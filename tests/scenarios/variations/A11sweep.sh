# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a loop of nc over the own network, where few live'
case_class=A
case_prepare() { run app pg-many node /srv/node/app.js; }
case_attack() { in_ app sh -c 'for i in $(seq 1 40); do nc -z -w 1 172.31.7.$i 80 & done; wait'; }
case_expect='scan.horizontal A11sweep-app /usr/bin/nc.openbsd *'
