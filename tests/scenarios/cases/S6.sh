# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a container of another stack connects to the web server and to its database'
case_class=S
case_prepare() {
	web web
	run db pg-db mariadbd --user=mysql
	client_of c "http://S6-web/"
	run app pg-many sh -c 'while sleep 0.5; do mariadb-admin -h S6-db -u wordpress -pwordpress ping; done'
}
# one more of the same client, and it is recreated
case_benign() {
	d rm -f S6-c >/dev/null
	client_of c "http://S6-web/"
	sleep 2
}
case_attack() {
	run stranger pg-many sh -c 'sleep 0.2; curl -s -m 3 http://S6-web/ >/dev/null; nc -z -w 2 S6-db 3306; sleep 60'
	sleep 1
}
case_expect='peer.unlinked S6-stranger /usr/bin/curl pg-web/S6-web
peer.unlinked S6-stranger /usr/bin/nc.openbsd pg-db/S6-db'
