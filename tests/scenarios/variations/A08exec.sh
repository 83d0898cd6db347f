# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='docker exec has the interpreter of the application run a new script'
case_class=A
case_prepare() {
	run app --health-cmd 'curl -sf -o /dev/null http://localhost:3000/' --health-interval 15s pg-many python3 -u -c '
import socket
s = socket.socket(); s.bind(("", 3000)); s.listen(50)
while True:
	c = s.accept()[0]; c.recv(4096); c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"); c.close()'
	in_ app sh -c 'echo "import os" >/tmp/known.py; echo "import os; os.getpid()" >/tmp/evil.py'
	for _ in 1 2 3 4 5; do in_ app python3 /tmp/known.py; sleep 0.5; done
}
# its health check, for the first time after learning; a script that was run before; what stands in the arguments; a restart
case_benign() {
	in_ app python3 /tmp/known.py && in_ app python3 -c 'import os'
	d restart -t 1 A08exec-app >/dev/null
	sleep 16
}
case_attack() {
	in_ app python3 /tmp/evil.py
	sleep 0.3
}
case_expect='process.new A08exec-app /usr/bin/python3* *'
