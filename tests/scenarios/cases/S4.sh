# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the squatter speaks proper HTTP'
case_class=S
case_prepare() {
	run web pg-many sh -c 'sleep 0.1; sleep infinity & apache2ctl -DFOREGROUND; wait'
	client_of c "http://S4-web/"
}
case_attack() {
	bg web sh -c 'read p </var/run/apache2/apache2.pid; kill $p; until python3 -c "
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((\"\", 80)); s.listen(5)
while True:
	c = s.accept()[0]; c.recv(4096); c.send(b\"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n\"); c.close()"; do sleep 0.3; done'
	sleep 1
}
case_expect='listener.squatted S4-web /usr/bin/python3* *'
