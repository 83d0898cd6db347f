# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the application is made to run a shell, which looks around'
case_class=A
case_prepare() {
	run app pg-many node -e 'require("http").createServer((q, r) => { r.end("ok"); if (q.url == "/evil") require("child_process").exec("id; uname -a; cat /etc/passwd") }).listen(3000)'
	client_of c "http://A08rce-app:3000/"
}
case_attack() { in_ c curl -s -m 2 -o /dev/null http://A08rce-app:3000/evil; sleep 0.5; }
case_expect='process.new A08rce-app /usr/bin/dash *
process.new A08rce-app /usr/bin/id *'
