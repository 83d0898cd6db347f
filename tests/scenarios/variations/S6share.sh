# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a stranger that shares the namespace of a container with no business there'
case_class=S
case_prepare() {
	run db pg-many redis-server --bind 0.0.0.0 --protected-mode no
	run c pg-many sh -c 'while sleep 0.4; do redis-cli -h S6share-db ping; done'
	run idle pg-many sh -c 'while sleep 0.5; do :; done'
}
case_attack() {
	d run -d --name S6share-evil --network container:S6share-idle pg-many sh -c 'sleep 0.3; redis-cli -h S6share-db ping; sleep 60' >/dev/null
	sleep 1.5
}
case_expect='peer.unlinked S6share-* /usr/bin/redis-cli pg-many/S6share-db'
