# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='memory is executed under a name of /proc, by a grandchild'
case_class=A
case_prepare() { run app pg-many python3 -c 'import time; time.sleep(9999)'; }
case_attack() { in_ app python3 -c '
import os
fd = os.memfd_create("", 0)
os.write(fd, open("/usr/bin/id", "rb").read())
if os.fork() == 0:
	if os.fork() == 0: os.execv("/proc/self/fd/%d" % fd, ["nginx: worker"])
	os._exit(0)
os.wait()'; sleep 0.3; }
case_expect='process.fileless A25ftx-app * *'
