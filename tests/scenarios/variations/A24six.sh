# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='metadata by IPv6, and of another cloud'
case_class=A
SC_NET6=1
case_prepare() {
	run app pg-many python3 -c 'import time; time.sleep(9999)'
}
case_attack() {
	in_ app python3 -c '
import socket
for a in ("100.100.100.200", "169.254.170.2"):
	s = socket.socket(); s.settimeout(0.3)
	try: s.connect((a, 80))
	except OSError: pass'
}
case_expect='metadata.access A24six-app /usr/bin/python3* ext:100.100.100.200
metadata.access A24six-app /usr/bin/python3* ext:169.254.170.2'
