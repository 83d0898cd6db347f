# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the application itself opens a second port'
case_class=S
case_prepare() {
	run app pg-many node -e 'require("http").createServer((q, r) => { r.end("ok"); if (q.url == "/evil") require("net").createServer(s => s.end()).listen(4444) }).listen(3000)'
	client_of c "http://S10app-app:3000/"
}
case_attack() {
	in_ c curl -s -m 2 -o /dev/null http://S10app-app:3000/evil
	sleep 0.3
}
case_expect='listener.new S10app-app /usr/bin/node *'
