# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='docker exec of a shell and tools in a container of nginx'
case_class=A
case_prepare() {
	run app pg-many nginx -g 'daemon off;'
	client_of c "http://A08tools-app/"
}
case_attack() { in_ app bash -c 'cat /etc/passwd >/dev/null; ls /root; env >/dev/null; ps ax >/dev/null; find / -maxdepth 1 >/dev/null'; }
case_expect='process.new A08tools-app /usr/bin/bash *'
