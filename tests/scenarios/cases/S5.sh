# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the program that is learned as HTTP starts to serve SSH on the same port'
case_class=S
case_prepare() {
	# one program, one port; what it speaks depends on a file
	run web pg-many python3 -u -c '
import os, socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("", 80)); s.listen(50)
while True:
	c = s.accept()[0]
	try:
		c.settimeout(2)
		if os.path.exists("/tmp/ssh"):
			c.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"); c.recv(200); c.send(b"\0" * 64)
		else:
			r = c.recv(4096)
			if b"Upgrade" in r:
				c.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05hello")
			else:
				c.send(b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\n\r\nok\n")
	except OSError:
		pass
	c.close()'
	run c pg-many sh -c 'while sleep 0.4; do curl -s -m 2 -o /dev/null http://S5-web/; done & sleep 4; nc -w 1 -h >/dev/null 2>&1; wait'
	sleep 0.3
	in_ c sh -c 'printf "GET / HTTP/1.1\r\nHost: x\r\n\r\n" | nc -w 1 S5-web 80 >/dev/null; true'
}
# a WebSocket upgrade on the learned listener
case_benign() {
	in_ c sh -c 'printf "GET /chat HTTP/1.1\r\nHost: S5-web\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" | nc -w 1 S5-web 80; true'
}
case_attack() {
	in_ web python3 -c 'open("/tmp/ssh", "w")'
	in_ c sh -c '(printf "SSH-2.0-OpenSSH_9.2p1\r\n"; sleep 0.3) | nc -w 1 S5-web 80; true'
	sleep 0.5
}
case_expect='listener.protocol S5-web /usr/bin/python3* pg-many/S5-c'
