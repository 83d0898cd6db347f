# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the application makes a system call that it never made'
case_class=S
case_prepare() {
	run app pg-many python3 -u -c '
import os, socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("", 3000)); s.listen(50)
while True:
	c = s.accept()[0]; c.recv(4096); c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"); c.close()
	if os.path.exists("/tmp/go"):
		os.unlink("/tmp/go")
		try: os.chroot("/")
		except OSError: pass'
	client_of c "http://S7-app:3000/"
}
# the image's own health check, its first run after learning
case_benign() { in_ app python3 -c 'import socket; socket.create_connection(("127.0.0.1", 3000)).close()'; }
case_attack() {
	in_ app python3 -c 'open("/tmp/go", "w")'
	sleep 1
}
case_expect='syscall.new S7-app /usr/bin/python3* *'
