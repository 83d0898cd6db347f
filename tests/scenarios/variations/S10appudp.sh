# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the application itself opens a datagram port'
case_class=S
case_prepare() {
	run app pg-many node -e 'require("http").createServer((q, r) => { r.end("ok"); if (q.url == "/evil") require("dgram").createSocket("udp4").bind(4445) }).listen(3000)'
	client_of c "http://S10appudp-app:3000/"
}
# it asks for a name by a socket of its own
case_benign() { in_ c curl -s -m 2 -o /dev/null http://S10appudp-app:3000/x; }
case_attack() {
	in_ c curl -s -m 2 -o /dev/null http://S10appudp-app:3000/evil
	sleep 0.5
}
case_expect='listener.new S10appudp-app /usr/bin/node *'
