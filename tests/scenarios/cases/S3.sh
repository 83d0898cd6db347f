# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='Apache is killed, nc takes port 80'
case_class=S
case_prepare() {
	web web
	in_ web sleep 0.1
	client_of c "http://S3-web/"
}
case_benign() {
	in_ web apache2ctl graceful
	sleep 2
	in_ web sh -c 'read -r p </var/run/apache2/apache2.pid; kill -HUP "$p"'
}
case_attack() {
	# (the port is free when Apache is gone)
	bg web sh -c 'read p </var/run/apache2/apache2.pid; kill $p; i=0; while sleep 0.3; [ $i -lt 30 ] && ! nc -l -p 80; do i=$((i + 1)); done'
	sleep 1
}
case_expect='listener.squatted S3-web /usr/bin/nc.openbsd *
process.new S3-web /usr/bin/nc.openbsd *'
