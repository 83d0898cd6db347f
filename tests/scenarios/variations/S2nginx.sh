# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a second listen is added to nginx, then a reload'
case_class=S
case_prepare() {
	run web pg-many nginx -g 'daemon off;'
	client_of c "http://S2nginx-web/"
	sleep 0.3
	in_ web nginx -s reload
}
case_benign() { in_ web nginx -s reload; }
case_attack() {
	in_ web sh -c 'printf "server { listen 8081; location / { return 200 ok; } }\n" >/etc/nginx/conf.d/more.conf'
	in_ web nginx -s reload
}
case_expect='config.drift S2nginx-web /usr/bin/dash *
listener.new S2nginx-web /usr/sbin/nginx *'
