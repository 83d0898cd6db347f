# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a Node application changes its identity, by what Node itself offers'
case_class=S
case_prepare() {
	run app pg-many node -e 'require("http").createServer((q, r) => { r.end("ok"); if (q.url == "/evil") process.setgid(33) }).listen(3000)'
	client_of c "http://S7node-app:3000/"
}
# a shell and a client of its image look in
case_benign() { in_ app node -e 'process.setuid(33); require("net").connect(3000).end()'; }
case_attack() {
	in_ c curl -s -m 2 -o /dev/null http://S7node-app:3000/evil
	sleep 0.5
}
case_expect='syscall.new S7node-app /usr/bin/node *'
