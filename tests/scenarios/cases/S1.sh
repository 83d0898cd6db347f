# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='a wrapped and a plain Apache are discovered, read, profiled and learned without a command'
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
		([.facts[] | select(.source == "declared") | [.text, .where]] | contains([["tcp/80 by any program", "/etc/apache2/ports.conf:5"]])) and
		([.facts[] | select(.dimension == "edge-in") | .fact[1]] | contains(["tcp/80"]))' >/dev/null || { sensor s model show "pg-web/$1"; return 1; }
	sensor s listeners --json | jq -e --arg c "$1" '.[] | select(.container == $c and .port == 80 and .exe == "/usr/sbin/apache2") |
		.source == "declared" and .because == "/etc/apache2/ports.conf:5"' >/dev/null || { sensor s listeners; return 1; }
	sensor s containers --json | jq -e --arg c "$1" '.[] | select(.name == $c) | .declared | .app == "httpd" and
		([.files[] | select(.role == "documents") | .path] | contains(["/var/www/html"])) and .watched > 5' >/dev/null ||
		{ sensor s containers --json | jq -c --arg c "$1" '.[] | select(.name == $c) | .declared'; return 1; }
}
case_benign() { profiled S1-wrapped && profiled S1-plain; }
