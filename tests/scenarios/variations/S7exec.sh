# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the application makes a system call that before only docker exec made'
case_class=S
case_prepare() {
	run app pg-many python3 -u -c '
import os, time
while True:
	time.sleep(0.3)
	if os.path.exists("/tmp/go"):
		os.unlink("/tmp/go")
		try: os.chroot("/")
		except OSError: pass'
	for _ in 1 2 3; do in_ app python3 -c 'import os; os.chroot("/")'; sleep 0.7; done
}
# whoever maintains it comes again, and makes what the application makes
case_benign() { in_ app python3 -c 'import os; os.chroot("/"); os.path.exists("/tmp/go")'; }
case_attack() {
	in_ app python3 -c 'open("/tmp/go", "w")'
	sleep 1
}
case_expect='syscall.new S7exec-app /usr/bin/python3* *'
