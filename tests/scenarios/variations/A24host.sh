# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='new places from a container on the network of the host; metadata by wget on another port'
case_class=A
case_prepare() {
	d run -d --name A24host-h --network host pg-many sh -c 'while sleep 0.5; do curl -s -m 1 -o /dev/null http://localhost:9/; done' >/dev/null
	run app pg-many sh -c 'while sleep 0.5; do wget -q -T 1 -t 1 -O /dev/null http://localhost:9/; done'
}
case_attack() {
	in_ h curl -s -m 0.5 http://203.0.113.9:8443/
	in_ app wget -q -T 1 -t 1 -O /dev/null http://169.254.169.254:8080/
	return 0
}
case_expect='metadata.access A24host-app /usr/bin/wget ext:169.254.169.254
egress.new A24host-h /usr/bin/curl ext:203.0.113.9'
