# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='logs are rotated, by USR1 and by HUP'
case_class=B
case_prepare() {
	run app pg-many sh -c 'nginx -g "daemon off;" & while sleep 1.5; do mv /var/log/nginx/access.log /var/log/nginx/access.log.1; kill -USR1 $(cat /run/nginx.pid); done'
	client_of c "http://Blogrotate-app/"
}
case_benign() {
	d kill -s HUP Blogrotate-app >/dev/null # the shell's; nothing of nginx
	sleep 5
}
