# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='logins to MariaDB are guessed, two a second'
case_class=A
case_prepare() {
	run db pg-db mariadbd --user=mysql
	run app pg-many sh -c 'while sleep 0.3; do mariadb -h A13again-db -u wordpress -pwordpress wordpress -e "select 1"; done'
}
# its client goes on while the database is restarted, twice
case_benign() { d restart -t 1 A13again-db >/dev/null; sleep 1.5; d restart -t 1 A13again-db >/dev/null; sleep 3; }
case_attack() { in_ app sh -c 'i=0; while [ $i -lt 22 ]; do mariadb -h A13again-db -u wordpress -pno$i -e "select 1"; sleep 0.4; i=$((i + 1)); done'; return 0; }
case_expect='auth.bruteforce A13again-app * pg-db/A13again-db'
