# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a squatter on the IPv6 side and on one address of a learned port'
case_class=S
case_prepare() {
	run web pg-many python3 -u -c '
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", 80)); s.listen(50)
while True:
	c = s.accept()[0]; c.recv(4096); c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"); c.close()'
	client_of c "http://S3lo6-web/"
}
case_attack() {
	bg web socat TCP6-LISTEN:80,ipv6only=1 EXEC:cat
	sleep 0.5
}
case_expect='listener.squatted S3lo6-web /usr/bin/socat* *'
