# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='nginx is killed, python takes port 80'
case_class=S
case_prepare() {
	run web pg-many sh -c 'sleep infinity & nginx -g "daemon off;"; wait'
	client_of c "http://S3nginx-web/"
}
case_benign() { in_ web nginx -s reload; }
case_attack() {
	bg web sh -c 'kill $(cat /run/nginx.pid); sleep 0.7; exec python3 -c "
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((\"\", 80)); s.listen(5)
while True: s.accept()[0].close()"'
	sleep 1
}
case_expect='listener.squatted S3nginx-web /usr/bin/python3* *'
