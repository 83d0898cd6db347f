# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='persistence: what a shell reads when somebody logs in'
case_class=A
case_prepare() { run app pg-many sh -c 'while sleep 0.5; do echo state >/tmp/state; done & exec nginx -g "daemon off;"'; }
case_attack() {
	in_ app sh -c 'echo "id >/dev/null" >>/root/.bashrc'
	sleep 0.5
}
case_expect='file.new A18bashrc-app /usr/bin/dash *'
