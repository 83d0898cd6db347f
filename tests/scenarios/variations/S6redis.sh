# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a stranger connects to Redis and to PostgreSQL, one after a restart of the client that is known'
case_class=S
case_prepare() {
	run db pg-many redis-server --bind 0.0.0.0 --protected-mode no
	run pg pg-many start-postgres
	run c pg-many sh -c 'while sleep 0.4; do redis-cli -h S6redis-db ping; psql -h S6redis-pg -U postgres -c "select 1"; done'
}
case_benign() {
	d restart -t 1 S6redis-c >/dev/null
	sleep 1
}
case_attack() {
	run stranger pg-many python3 -c '
import socket, time
time.sleep(0.3)
for h, p in (("S6redis-db", 6379), ("S6redis-pg", 5432)):
	s = socket.create_connection((h, p), 3); s.send(b"x\r\n"); s.close()
time.sleep(60)'
	sleep 1.5
}
case_expect='peer.unlinked S6redis-stranger /usr/bin/python3* pg-many/S6redis-db
peer.unlinked S6redis-stranger /usr/bin/python3* pg-many/S6redis-pg'
