# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='what checks many back ends is no scanner; who tries the same ones for the first time is'
case_class=A
case_prepare() {
	run lb pg-many python3 -u -c '
import socket, time
while True:
	for i in range(30):
		s = socket.socket(); s.settimeout(0.2)
		try: s.connect(("203.0.113.9", 9200 + i))
		except OSError: pass
		s.close()
	time.sleep(0.5)'
	run app pg-many node /srv/node/app.js
	client_of c "http://A11lb-app:3000/"
}
case_benign() { d restart -t 1 A11lb-lb >/dev/null; sleep 2; }
case_attack() { in_ app sh -c 'for p in $(seq 9200 9229); do nc -z -w 1 203.0.113.9 $p; done'; return 0; }
case_expect='scan.vertical A11lb-app /usr/bin/nc.openbsd ext:203.0.113.9'
