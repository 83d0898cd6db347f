# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a stranger comes by the published port, by its gateway'
case_class=S
case_prepare() {
	run web -p 18099:80 pg-web sh -c 'sleep infinity & setsid -w apache2ctl -DFOREGROUND; wait'
	client_of c "http://S6pub-web/"
	d network create other >/dev/null 2>&1
}
case_benign() { lab_in outside curl -s -m 2 -o /dev/null http://203.0.113.1:18099/; }
case_attack() {
	SC_NET=other run stranger pg-many sh -c 'sleep 0.3; curl -s -m 2 -o /dev/null http://203.0.113.1:18099/; sleep 60'
	sleep 1
}
case_expect='peer.unlinked S6pub-stranger /usr/bin/curl pg-web/S6pub-web'
