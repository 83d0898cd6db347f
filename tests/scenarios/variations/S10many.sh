# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='listeners on loopback, on one address, on IPv6, and by a datagram'
case_class=S
case_prepare() { run app pg-many redis-server --bind 0.0.0.0 --protected-mode no; run c pg-many sh -c 'while sleep 0.5; do redis-cli -h S10many-app ping; done'; }
case_attack() {
	bg app nc -l 127.0.0.1 4001
	bg app nc -6 -l -p 4002
	sleep 0.7
}
case_expect='listener.new S10many-app /usr/bin/nc.openbsd *'
