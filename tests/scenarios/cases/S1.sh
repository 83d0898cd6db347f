# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a wrapped and a plain Apache are discovered, profiled and learned without a command'
case_class=S
case_prepare() {
	web wrapped
	run plain pg-web apache2ctl -DFOREGROUND
	client_of c1 "http://S1-wrapped/"
	client_of c2 "http://S1-plain/"
}
profiled() {
	sensor s model show "pg-web/$1" --json | jq -e '.state == "monitoring" and
		([.facts[].text] | contains(["tcp/80 by /usr/sbin/apache2", "tcp/80 speaks HTTP"])) and
		([.facts[] | select(.dimension == "edge-in") | .fact[1]] | contains(["tcp/80"]))' >/dev/null || { sensor s model show "pg-web/$1"; return 1; }
}
case_benign() { profiled S1-wrapped && profiled S1-plain; }
