# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a name server is killed, socat takes 53/udp'
case_class=S
case_prepare() {
	run ns pg-many sh -c 'sleep infinity & python3 -u -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((\"0.0.0.0\", 53))
while True:
	q, a = s.recvfrom(512); s.sendto(q[:2] + b\"\\x81\\x83\" + q[4:6] + b\"\\0\\0\\0\\0\\0\\0\" + q[12:], a)"; wait'
	run c pg-many sh -c 'while sleep 0.5; do dig +tries=1 +time=1 @$(getent hosts S3udp-ns | cut -d" " -f1) a.example >/dev/null; done'
}
case_attack() {
	bg ns sh -c 'kill $(pidof python3); sleep 0.5; exec socat UDP-RECVFROM:53,fork EXEC:cat'
	sleep 1.2
}
case_expect='listener.squatted S3udp-ns /usr/bin/socat* *'
