# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a program is brought into a container and run from /tmp'
case_class=S
case_prepare() {
	run app pg-many sh -c 'while sleep 0.5; do cat /etc/hostname >/tmp/state; done'
}
case_benign() { in_ app sh -c 'cat /etc/hostname >/tmp/other'; }
case_attack() { in_ app sh -c 'cat /usr/bin/id >/tmp/kit; chmod 755 /tmp/kit; /tmp/kit'; }
case_expect='process.new S9copy-app /tmp/kit *'
