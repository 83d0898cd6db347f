# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a scan by UDP of many ports'
case_class=A
case_prepare() {
	run app pg-many redis-server --bind 0.0.0.0 --protected-mode no
	run victim pg-many node /srv/node/app.js
	run two pg-many sh -c 'while sleep 0.5; do dig +tries=1 +time=1 @203.0.113.9 a.example; dig +tries=1 +time=1 @203.0.113.10 a.example; done'
}
case_attack() { in_ app python3 -c '
import socket
a = socket.gethostbyname("A11udp-victim")
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for p in range(1000, 1060):
	try: s.sendto(b"x", (a, p))
	except OSError: pass'; sleep 0.5; }
case_expect='scan.vertical A11udp-app /usr/bin/python3* pg-many/A11udp-victim'
