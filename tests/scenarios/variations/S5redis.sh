# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the program that is learned as HTTP starts to speak Redis'
case_class=S
case_prepare() {
	run web pg-many python3 -u -c '
import os, socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("", 80)); s.listen(50)
while True:
	c = s.accept()[0]
	try:
		c.settimeout(2)
		if os.path.exists("/tmp/other"):
			c.recv(4096); c.send(b"+PONG\\r\\n"); c.recv(4096); c.send(b"$5\\r\\nhello\\r\\n")
		else:
			c.recv(4096); c.send(b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\n\r\nok\n")
	except OSError:
		pass
	c.close()'
	run c pg-many sh -c 'nc -h >/dev/null 2>&1; while sleep 0.4; do curl -s -m 2 -o /dev/null http://S5redis-web/; printf "GET / HTTP/1.1\r\nHost: x\r\n\r\n" | nc -w 1 S5redis-web 80 >/dev/null; done'
}
# a large answer, and a request that is none
case_benign() { in_ c sh -c 'printf "FOO\r\n\r\n" | nc -w 1 S5redis-web 80; curl -s -m 2 -H "X: y" http://S5redis-web/x'; }
case_attack() {
	in_ web python3 -c 'open("/tmp/other", "w")'
	in_ c sh -c '(printf "PING\\r\\n"; sleep 0.2; printf "*2\\r\\n\\$3\\r\\nGET\\r\\n\\$1\\r\\na\\r\\n"; sleep 0.5) | nc -w 1 S5redis-web 80; true'
	sleep 0.5
}
case_expect='listener.protocol S5redis-web /usr/bin/python3* pg-many/S5redis-c'
