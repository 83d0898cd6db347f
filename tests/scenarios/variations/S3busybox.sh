# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='httpd of busybox is killed, nc of busybox takes its port: the same program'
case_class=S
case_prepare() {
	image_bb
	run web pg-bb sh -c 'sleep 99999 & while :; do httpd -f -p 80 -h /www; sleep 3; done'
	client_of c "http://S3busybox-web/"
}
case_attack() { bg web sh -c 'kill $(pidof httpd); sleep 0.4; exec nc -l -p 80'; sleep 1; }
case_expect='listener.squatted S3busybox-web /bin/busybox *'
