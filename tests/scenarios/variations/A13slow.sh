# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='failing logins to PostgreSQL, four a second for a while, from a client that is busy anyway'
case_class=A
case_prepare() {
	run db pg-many sh -c 'sed -i "s/trust$/scram-sha-256/" /etc/postgresql/*/main/pg_hba.conf; exec start-postgres'
	run app pg-many sh -c 'sleep 1; psql -h /tmp -U postgres -c "select 1"; while sleep 0.2; do nc -z A13slow-db 5432; done'
}
case_benign() { in_ app sh -c 'for i in 1 2; do PGPASSWORD=stale psql -h A13slow-db -U postgres -c ""; done; true'; }
case_attack() { in_ app sh -c 'i=0; while [ $i -lt 40 ]; do PGPASSWORD=p$i psql -h A13slow-db -U postgres -c ""; sleep 0.25; i=$((i + 1)); done'; }
case_expect='auth.bruteforce A13slow-app * pg-many/A13slow-db'
