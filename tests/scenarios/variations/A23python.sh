# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the engine'"'"'s socket by python, by another path and by io_uring'
case_class=A
case_prepare() {
	run app -v "$LAB_DIR/a:/host:ro" -v "$LAB_BUILD/tests/helpers/sneak:/usr/local/bin/sneak:ro" pg-many redis-server --bind 0.0.0.0 --protected-mode no --unixsocket /tmp/redis.sock
	run c pg-many sh -c 'while sleep 0.5; do redis-cli -h A23python-app ping; done'
}
# a socket in the file system that is its own
case_benign() { in_ app redis-server --version; }
case_attack() {
	in_ app python3 -c '
import socket, os
os.chdir("/host"); s = socket.socket(socket.AF_UNIX); s.connect("docker.sock"); s.send(b"GET /_ping HTTP/1.0\r\n\r\n"); s.recv(100)'
	in_ app sneak unix-uring /host/docker.sock
	return 0
}
case_expect='engine.access A23python-app /usr/bin/python3* unix:docker.sock
engine.access A23python-app /usr/local/bin/sneak unix:/host/docker.sock'
