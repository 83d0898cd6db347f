# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a program is run out of memory (memfd_create, fexecve)'
case_class=A
case_prepare() { run app pg-many python3 -c 'import time; time.sleep(9999)'; }
# the runtime's own copy of itself at a container's start
case_benign() { run again pg-many sleep 600; }
case_attack() {
	in_ app python3 -c '
import os
fd = os.memfd_create("x")
os.write(fd, open("/usr/bin/true", "rb").read())
os.execve(fd, ["x"], {})'
}
case_expect='process.fileless A25-app * *'
