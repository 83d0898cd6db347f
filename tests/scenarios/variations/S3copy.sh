# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the squatter is a copy of the server under another path'
case_class=S
case_prepare() {
	run db pg-many sh -c 'sleep infinity & redis-server --bind 0.0.0.0 --protected-mode no; wait'
	run c pg-many sh -c 'while sleep 0.4; do redis-cli -h S3copy-db ping; done'
}
case_attack() {
	bg db sh -c 'cp /usr/bin/redis-server /tmp/redis-server; redis-cli shutdown nosave; sleep 0.7; exec /tmp/redis-server --bind 0.0.0.0 --protected-mode no'
	sleep 1.5
}
case_expect='listener.squatted S3copy-db /tmp/redis-server *'
