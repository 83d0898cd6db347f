# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='nc listens on a UDP port'
case_class=S
case_prepare() {
	run app pg-many sh -c 'node /srv/node/app.js & while sleep 0.5; do dig +tries=1 +time=1 @203.0.113.9 x.example >/dev/null; done'
	run binds pg-many sh -c 'while sleep 0.5; do python3 -c "
import socket, random, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((\"\", random.randint(1025, 65000))); s.sendto(b\"x\", (\"203.0.113.9\", 53)); time.sleep(0.2)"; done'
}
# a resolver that binds to ports of its own choice
case_benign() { sleep 2; in_ app dig +tries=1 +time=1 @203.0.113.9 y.example; return 0; }
case_attack() {
	bg app nc -u -l -p 5555
	bg app nc -u -l -p 44444
	sleep 1
}
case_expect='listener.new S10udp-app /usr/bin/nc.openbsd *'
