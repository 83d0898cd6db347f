# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='applets of busybox that were never used: one program, another name'
case_class=S
case_prepare() {
	image_bb
	run web pg-bb sh -c 'httpd -p 80 -h /www; while sleep 0.5; do :; done'
	client_of c "http://S9busybox-web/"
}
case_benign() { in_ web sh -c ':'; }
case_attack() {
	in_ web wget -q -O /tmp/x http://127.0.0.1/
	bg web nc -l -p 4444
	sleep 0.7
}
case_expect='process.new S9busybox-web /bin/busybox *
listener.new S9busybox-web /bin/busybox *'
