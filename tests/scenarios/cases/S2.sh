# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='Listen 81 is added to the configuration, then a graceful reload'
case_class=S
case_prepare() {
	web web
	client_of c "http://S2-web/"
	sleep 0.5
	in_ web apache2ctl graceful
}
# the very reload, with the configuration as it was
case_benign() { in_ web apache2ctl graceful; }
case_attack() {
	in_ web sh -c 'echo "Listen 81" >>/etc/apache2/ports.conf'
	in_ web apache2ctl graceful
}
case_expect='config.drift S2-web /usr/bin/dash *
listener.new S2-web /usr/sbin/apache2 *'
