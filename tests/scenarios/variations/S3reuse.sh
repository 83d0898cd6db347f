# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a second program binds the learned port beside the first (SO_REUSEPORT)'
case_class=S
case_prepare() {
	run web pg-many python3 -u -c '
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); s.bind(("0.0.0.0", 80)); s.listen(50)
while True:
	c = s.accept()[0]; c.recv(4096); c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"); c.close()'
	client_of c "http://S3reuse-web/"
}
case_attack() {
	bg web socat TCP-LISTEN:80,reuseport,fork EXEC:cat
	sleep 0.5
}
case_expect='listener.squatted S3reuse-web /usr/bin/socat* *'
