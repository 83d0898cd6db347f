# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='many failing logins to Redis'
case_class=A
case_prepare() {
	run db pg-many redis-server --bind 0.0.0.0 --protected-mode no --requirepass secret
	run app pg-many sh -c 'while sleep 0.5; do redis-cli -h A13redis-db -a secret ping; done'
	run down pg-many redis-server --bind 0.0.0.0 --protected-mode no
	run retry pg-many sh -c 'while sleep 0.3; do redis-cli -h A13redis-down ping; done'
}
# a client that tries again and again while its server is away
case_benign() {
	in_ retry sh -c 'i=0; redis-cli -h A13redis-down shutdown nosave; while [ $i -lt 60 ]; do redis-cli -h A13redis-down ping & i=$((i + 1)); done; wait'
	d start A13redis-down >/dev/null
	sleep 1
}
case_attack() { in_ app sh -c 'i=0; while [ $i -lt 200 ]; do redis-cli -h A13redis-db -a wrong$i ping & i=$((i + 1)); [ $((i % 20)) != 0 ] || wait; done; wait'; }
case_expect='auth.bruteforce A13redis-app * pg-many/A13redis-db'
