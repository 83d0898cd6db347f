# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='helpers that live for a moment, with other arguments and files each time'
case_class=B
case_prepare() {
	run app pg-many sh -c 'i=0; while sleep 0.4; do i=$((i + 1)); date +%s%N >/tmp/job.$i; sort /tmp/job.$i | sha256sum >/tmp/sum.$i; rm -f /tmp/job.$i /tmp/sum.$i; curl -s -m 1 -o /tmp/page.$i http://Bhelpers-web/$i; rm -f /tmp/page.$i; done'
	run web pg-many nginx -g 'daemon off;'
}
case_benign() { sleep 4; }
