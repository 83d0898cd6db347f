# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='PostgreSQL is killed, nc takes its port'
case_class=S
case_prepare() {
	run db pg-many sh -c 'sleep infinity & start-postgres; wait'
	run c pg-many sh -c 'while sleep 0.5; do psql -h S3postgres-db -U postgres -c "select 1"; done'
}
case_benign() { in_ c psql -h S3postgres-db -U postgres -c 'select 2'; }
case_attack() {
	bg db sh -c 'kill -9 $(pidof postgres); sleep 0.7; exec nc -l -k -p 5432'
	sleep 1.5
}
case_expect='listener.squatted S3postgres-db /usr/bin/nc.openbsd *'
