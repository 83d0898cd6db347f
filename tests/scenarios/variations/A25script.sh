# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a script out of memory, by its interpreter; and a loader that runs a file of /tmp'
case_class=A
case_prepare() { run app pg-many nginx -g 'daemon off;'; client_of c "http://A25script-app/"; }
case_attack() {
	in_ app python3 -c '
import os
fd = os.memfd_create("s", 0)
os.write(fd, b"#!/bin/sh\nid >/dev/null\n")
os.execv("/proc/self/fd/%d" % fd, ["s"])'
	return 0
}
case_expect='process.new A25script-app /usr/bin/python3* *'
