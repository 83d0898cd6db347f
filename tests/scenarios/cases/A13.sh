# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='many failing logins to PostgreSQL'
case_class=A
case_prepare() {
	run db pg-many start-postgres
	run app pg-many sh -c 'while sleep 0.5; do PGPASSWORD=x psql -h A13-db -U postgres -c "select 1"; done'
}
case_benign() { sleep 1; }
case_attack() { in_ app sh -c 'i=0; while [ $i -lt 60 ]; do psql -h A13-db -U nobody$i -c "" & i=$((i + 1)); done; wait'; }
case_expect='auth.bruteforce A13-app * pg-many/A13-db'
