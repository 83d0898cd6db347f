# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='the squatter sits in another container that shares the network namespace'
case_class=S
case_prepare() {
	web web
	client_of c "http://S3side-web/"
}
case_attack() {
	in_ web sh -c 'read p </var/run/apache2/apache2.pid; kill $p; sleep 0.7'
	d run -d --name S3side-evil --network container:S3side-web pg-many sh -c 'sleep 0.2; exec nc -l -p 80' >/dev/null
	sleep 1.5
}
case_expect='listener.squatted S3side-evil /usr/bin/nc.openbsd *'
