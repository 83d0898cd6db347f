# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a stranger that lives for a moment (docker run --rm)'
case_class=S
case_prepare() {
	web web
	run db pg-many redis-server --bind 0.0.0.0 --protected-mode no
	client_of c "http://S6rm-web/"
	run app pg-many sh -c 'while sleep 0.5; do redis-cli -h S6rm-db ping; done'
}
case_attack() {
	d run --rm --name S6rm-one --network front pg-many curl -s -m 3 -o /dev/null http://S6rm-web/
	d run --rm --name S6rm-two --network front pg-many redis-cli -h S6rm-db ping
	sleep 0.5
}
case_expect='peer.unlinked S6rm-one /usr/bin/curl pg-web/S6rm-web
peer.unlinked S6rm-two /usr/bin/redis-cli pg-many/S6rm-db'
