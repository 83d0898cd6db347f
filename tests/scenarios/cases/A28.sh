# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a packet socket, frames sent past the IP stack'
case_class=A
case_prepare() { run app --cap-add NET_RAW pg-many python3 -c 'import time; time.sleep(9999)'; }
case_attack() {
	in_ app python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0)); s.send(b"\xff" * 6 + b"\x02" * 6 + b"\x88\xb5" + b"x" * 50)'
}
case_expect='socket.raw A28-app /usr/bin/python3* *'
