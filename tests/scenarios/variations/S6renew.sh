# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a stranger connects to a database whose container is a new one, with another address'
case_class=S
database() { run "$1" --label com.docker.compose.project=S6renew --label com.docker.compose.service=db --network-alias S6renew-db pg-many redis-server --bind 0.0.0.0 --protected-mode no; }
case_prepare() {
	database db1
	run stranger pg-many sh -c 'while sleep 0.4; do redis-cli -h 127.0.0.1 ping; done'
	run c pg-many sh -c 'while sleep 0.4; do redis-cli -h S6renew-db ping; done'
}
case_benign() {
	d rm -f S6renew-db1 >/dev/null
	database db2
	sleep 2
}
case_attack() {
	in_ stranger redis-cli -h S6renew-db ping
	sleep 0.5
}
case_expect='peer.unlinked S6renew-stranger /usr/bin/redis-cli S6renew/db'
