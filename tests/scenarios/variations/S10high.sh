# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a listener on an ephemeral TCP port, IPv6 only, in PostgreSQL'"'"'s container'
case_class=S
case_prepare() {
	run db pg-many start-postgres
	run c pg-many sh -c 'while sleep 0.5; do psql -h S10high-db -U postgres -c "select 1"; done'
}
case_benign() { in_ c psql -h S10high-db -U postgres -c 'vacuum'; }
case_attack() {
	bg db nc -6 -l -p 45678
	sleep 0.5
}
case_expect='listener.new S10high-db /usr/bin/nc.openbsd *'
