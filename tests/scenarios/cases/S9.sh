# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='wget and nc run in a container whose image has them but never uses them'
case_class=S
case_prepare() {
	web web
	client_of c "http://S9-web/"
}
# docker exec of programs that the model knows
case_benign() { in_ web sh -c 'id >/dev/null' && in_ web id >/dev/null; }
case_attack() { in_ web sh -c 'wget -q -O /dev/null http://localhost/; nc -z localhost 80'; }
case_expect='process.new S9-web /usr/bin/wget *
process.new S9-web /usr/bin/nc.openbsd *'
