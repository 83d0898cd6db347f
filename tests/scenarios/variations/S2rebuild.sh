# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='an image is rebuilt with another listener: silent; the same by hand in the new one: found'
case_class=S
case_prepare() {
	web web
	client_of c "http://S2rebuild-web/"
}
case_benign() {
	d run --name S2rebuild-build pg-web sh -c 'echo "Listen 81" >>/etc/apache2/ports.conf' && d commit S2rebuild-build pg-web:r2 >/dev/null
	d rm -f S2rebuild-build S2rebuild-web >/dev/null
	run web pg-web:r2 sh -c 'sleep infinity & setsid -w apache2ctl -DFOREGROUND; wait'
	sleep 4
}
