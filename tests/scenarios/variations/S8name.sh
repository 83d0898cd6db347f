# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='listed names: one is looked up and its address reached, another stands in a Host header only'
case_class=S
# A resolver outside that gives the same address to every name; what is listed stands in the sensor's feeds (scenario_feeds in lib.sh).
case_prepare() {
	cat >"$LAB_DIR/dns.py" <<-'END'
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("203.0.113.67", 53))
		while True:
		    q, peer = s.recvfrom(512)
		    end = 12
		    while q[end]:
		        end += q[end] + 1
		    is_a = q[end + 2] == 1
		    r = q[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0" + q[12:end + 5]
		    s.sendto(r + (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\x43" if is_a else b""), peer)
	END
	lab_in outside ip addr add 203.0.113.67/24 dev eth0
	lab_in outside setsid python3 "$LAB_DIR/dns.py" >/dev/null 2>&1 &
	lab_defer "kill $! 2>/dev/null; true"
	(cd /tmp && exec nsenter --net="/run/netns/$(lab_ns outside)" setsid python3 -m http.server --bind 203.0.113.67 8090 >/dev/null 2>&1) &
	lab_defer "kill $! 2>/dev/null; true"
	run app --dns 203.0.113.67 pg-many sh -c 'while sleep 0.5; do curl -s -m 2 -o /dev/null http://updates.good.example:8090/; curl -s -m 2 -o /dev/null http://203.0.113.67:8090/; done'
}
# names that were never seen, and are not listed, of the learned address
case_benign() { d restart -t 1 S8name-app; }
case_attack() {
	in_ app curl -s -m 3 -o /dev/null http://kit.bad.example:8090/
	in_ app curl -s -m 3 -o /dev/null -H 'Host: front.bad.example' http://203.0.113.67:8090/
}
case_expect='intel.domain S8name-app * kit.bad.example
intel.domain S8name-app /usr/bin/curl *'
case_max=4
case_check() {
	names_are_told() {
		alerts_json --all | jq -e --arg t "$1" '[.[] | select(.time >= $t and .container == "S8name-app" and .finding == "intel.domain")] |
			any(.why | startswith("kit.bad.example is listed")) and any(.why | startswith("front.bad.example is listed")) and
			all(.why | contains("names.hosts line"))' >/dev/null
	}
	until_true 5 names_are_told "$1" || { alerts_json --all | jq -c '.[] | select(.container == "S8name-app") | [.finding, .process, .peer, .why]'; return 1; }
}
