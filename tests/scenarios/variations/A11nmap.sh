# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a connect scan of a known range, slow and one port at a time'
case_class=A
case_prepare() {
	run app pg-many redis-server --bind 0.0.0.0 --protected-mode no
	run scrape pg-many sh -c 'while sleep 0.5; do for i in $(seq 20 49); do nc -z -w 1 203.0.113.9 91$i; done; done'
}
case_attack() { in_ app python3 -c '
import socket, time
for i in range(10, 40):
	s = socket.socket(); s.setblocking(False)
	try: s.connect(("203.0.113.%d" % i, 6379))
	except OSError: pass
	time.sleep(0.3); s.close()'; }
case_expect='scan.horizontal A11nmap-app /usr/bin/python3* *'
