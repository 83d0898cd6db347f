# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a listener in a container without a network, and in one on the network of the host'
case_class=S
case_prepare() {
	d run -d --name S10none-app --network none pg-many sh -c 'while sleep 0.5; do :; done' >/dev/null
	d run -d --name S10none-host --network host pg-many sh -c 'while sleep 0.5; do :; done' >/dev/null
}
case_attack() {
	bg app nc -l -p 4005
	bg host nc -l -p 4006
	sleep 0.7
}
case_expect='listener.new S10none-app /usr/bin/nc.openbsd *
listener.new S10none-host /usr/bin/nc.openbsd *'
