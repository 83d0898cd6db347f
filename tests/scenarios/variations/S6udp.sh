# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a stranger asks a name server by UDP, another pings'
case_class=S
case_prepare() {
	run ns pg-many python3 -u -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53))
while True:
	q, a = s.recvfrom(512); s.sendto(q[:2] + b"\x81\x83" + q[4:6] + b"\0\0\0\0\0\0" + q[12:], a)'
	run c pg-many sh -c 'while sleep 0.5; do dig +tries=1 +time=1 @$(getent hosts S6udp-ns | cut -d" " -f1) a.example >/dev/null; done'
}
case_attack() {
	run evil pg-many sh -c 'sleep 0.3; dig +tries=1 +time=1 @$(getent hosts S6udp-ns | cut -d" " -f1) b.example; sleep 60'
	sleep 1
}
case_expect='peer.unlinked S6udp-evil /usr/bin/dig pg-many/S6udp-ns'
