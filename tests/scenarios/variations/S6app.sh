# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the application itself goes where it never went: to a database of its network'
case_class=S
case_prepare() {
	run db pg-many start-postgres
	run app pg-many node -e 'require("http").createServer((q, r) => { r.end("ok"); if (q.url == "/evil") require("net").connect(5432, "S6app-db").on("error", () => 0) }).listen(3000)'
	client_of c "http://S6app-app:3000/"
	run pgc pg-many sh -c 'while sleep 0.5; do psql -h S6app-db -U postgres -c "select 1"; done'
}
case_attack() {
	in_ c curl -s -m 2 -o /dev/null http://S6app-app:3000/evil
	sleep 0.5
}
case_expect='peer.unlinked S6app-app /usr/bin/node pg-many/S6app-db'
