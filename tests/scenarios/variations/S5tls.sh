# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the program that is learned as HTTP starts to speak TLS'
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
			c.recv(4096); c.send(bytes.fromhex("160303003a0200003603036b9b0f2f3e1d4c5b6a79887766554433221100ffeeddccbbaa998877665544332200130200000eff01000100002b0002030400000000")[:63])
		else:
			c.recv(4096); c.send(b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\n\r\nok\n")
	except OSError:
		pass
	c.close()'
	run c pg-many sh -c 'nc -h >/dev/null 2>&1; while sleep 0.4; do curl -s -m 2 -o /dev/null http://S5tls-web/; printf "GET / HTTP/1.1\r\nHost: x\r\n\r\n" | nc -w 1 S5tls-web 80 >/dev/null; done'
}
# a large answer, and a request that is none
case_benign() { in_ c sh -c 'printf "FOO\r\n\r\n" | nc -w 1 S5tls-web 80; curl -s -m 2 -H "X: y" http://S5tls-web/x'; }
case_attack() {
	in_ web python3 -c 'open("/tmp/other", "w")'
	in_ c sh -c '(printf "\\026\\003\\001\\000\\105\\001\\000\\000\\101\\003\\003"; head -c 32 /dev/zero | tr "\\0" "k"; printf "\\000\\000\\002\\023\\002\\001\\000\\000\\026\\000\\053\\000\\003\\002\\003\\004\\000\\012\\000\\004\\000\\002\\000\\035\\000\\015\\000\\004\\000\\002\\004\\003"; sleep 0.5) | nc -w 1 S5tls-web 80; true'
	sleep 0.5
}
case_expect='listener.protocol S5tls-web /usr/bin/python3* pg-many/S5tls-c'
