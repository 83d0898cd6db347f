# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='persistence: a cron job, a user, a library to preload'
case_class=A
case_prepare() { run app pg-many sh -c 'while sleep 0.5; do :; done & exec nginx -g "daemon off;"'; }
case_attack() {
	in_ app sh -c 'mkdir -p /etc/cron.d; echo "* * * * * root id" >/etc/cron.d/evil; echo "x:x:0:0::/:/bin/sh" >>/etc/passwd; echo /tmp/x.so >/etc/ld.so.preload; : >/etc/ld.so.preload'
	sleep 0.5
}
case_expect='file.new A18cron-app /usr/bin/dash *'
