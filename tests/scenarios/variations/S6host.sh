# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a container on the network of the host goes where it never went'
case_class=S
case_prepare() {
	run db pg-many redis-server --bind 0.0.0.0 --protected-mode no
	d run -d --name S6host-stranger --network host pg-many sh -c "while sleep 0.5; do :; done" >/dev/null
	run c pg-many sh -c 'while sleep 0.4; do redis-cli -h S6host-db ping; done'
}
case_attack() {
	a=$(d inspect -f '{{.NetworkSettings.Networks.front.IPAddress}}' S6host-db)
	in_ stranger redis-cli -h "$a" ping
	sleep 0.5
}
case_expect='peer.unlinked S6host-stranger /usr/bin/redis-cli pg-many/S6host-db'
