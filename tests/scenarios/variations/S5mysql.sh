# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the program that is learned as HTTP starts to greet as MariaDB'
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
			g = b"\x0a5.5.5-10.11.6-MariaDB\0" + b"\x08\0\0\0" + b"abcdefgh\0" + bytes.fromhex("fef72d0200ff81150000000000001d000000") + b"ijklmnopqrst\0mysql_native_password\0"; c.send(len(g).to_bytes(3, "little") + b"\0" + g); c.recv(200)
		else:
			c.recv(4096); c.send(b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\n\r\nok\n")
	except OSError:
		pass
	c.close()'
	run c pg-many sh -c 'nc -h >/dev/null 2>&1; while sleep 0.4; do curl -s -m 2 -o /dev/null http://S5mysql-web/; printf "GET / HTTP/1.1\r\nHost: x\r\n\r\n" | nc -w 1 S5mysql-web 80 >/dev/null; done'
}
# a large answer, and a request that is none
case_benign() { in_ c sh -c 'printf "FOO\r\n\r\n" | nc -w 1 S5mysql-web 80; curl -s -m 2 -H "X: y" http://S5mysql-web/x'; }
case_attack() {
	in_ web python3 -c 'open("/tmp/other", "w")'
	in_ c sh -c '(sleep 0.3; printf "\\x20\\0\\0\\1"; head -c 32 /dev/zero; sleep 0.5) | nc -w 1 S5mysql-web 80; true'
	sleep 0.5
}
case_expect='listener.protocol S5mysql-web /usr/bin/python3* pg-many/S5mysql-c'
