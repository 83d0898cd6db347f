# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='curl, ssh and perl run in a container of Redis that has them but never uses them'
case_class=S
case_prepare() {
	run db pg-many redis-server --bind 0.0.0.0 --protected-mode no
	run c pg-many sh -c 'while sleep 0.4; do redis-cli -h S9tools-db set a b; done'
}
case_benign() { in_ c redis-cli -h S9tools-db get a; }
case_attack() {
	in_ db curl -s -m 1 http://localhost:9/
	in_ db perl -e 'print 1'
	return 0
}
case_expect='process.new S9tools-db /usr/bin/curl *
process.new S9tools-db /usr/bin/perl *'
