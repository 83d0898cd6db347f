# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a stranger, a scan and a listener on IPv6 alone'
case_class=S
case_prepare() {
	d network create --ipv6 --subnet 172.28.7.0/24 --subnet fd77:6::/64 six >/dev/null 2>&1
	SC_NET=six run db pg-many redis-server --bind '*' --protected-mode no
	SC_NET=six run c pg-many sh -c 'a=$(getent ahostsv6 S6six-db | cut -d" " -f1 | head -n 1); while sleep 0.4; do redis-cli -h "$a" ping; done'
	SC_NET=six run idle pg-many sh -c 'while sleep 0.5; do :; done'
}
case_attack() {
	a=$(d inspect -f '{{.NetworkSettings.Networks.six.GlobalIPv6Address}}' S6six-db)
	SC_NET=six run stranger pg-many sh -c "sleep 0.3; redis-cli -h $a ping; sleep 60"
	in_ idle python3 -c '
import socket
for i in range(1, 30):
	s = socket.socket(socket.AF_INET6); s.setblocking(False)
	try: s.connect(("fd77:6::%x" % (0x100 + i), 6379))
	except OSError: pass
import time; time.sleep(1.5)'
}
case_expect='peer.unlinked S6six-stranger /usr/bin/redis-cli pg-many/S6six-db
scan.horizontal S6six-idle /usr/bin/python3* *'
