# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a server in Node takes the port of Apache'
case_class=S
case_prepare() {
	run web pg-many sh -c 'sleep infinity & apache2ctl -DFOREGROUND; wait'
	client_of c "http://S4node-web/"
}
case_attack() {
	bg web sh -c 'apache2ctl stop; sleep 0.7; exec node -e "require(\"http\").createServer((q, r) => r.end(\"ok\")).listen(80)"'
	sleep 1.5
}
case_expect='listener.squatted S4node-web /usr/bin/node *'
