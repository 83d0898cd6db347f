# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='Listen 81 is added to the configuration, then a graceful reload: each finding says which line'
case_class=S
case_prepare() {
	web web
	client_of c "http://S2-web/"
	sleep 0.5
	in_ web apache2ctl graceful
}
# the very reload, with the configuration as it was; a comment; a log that is rotated
case_benign() {
	in_ web sh -c 'echo "# more ports" >>/etc/apache2/ports.conf; mv /var/log/apache2/access.log /var/log/apache2/access.log.1
		: >/var/log/apache2/access.log'
	in_ web apache2ctl graceful
}
case_attack() {
	in_ web sh -c 'echo "Listen 81" >>/etc/apache2/ports.conf'
	in_ web apache2ctl graceful
}
case_expect='config.drift S2-web /usr/bin/dash *
listener.new S2-web /usr/sbin/apache2 *'
# The difference with its line, what was declared before, and that the new listener comes by the edit.
case_check() {
	local lines line
	lines=$(in_ web cat /etc/apache2/ports.conf | grep -n '^Listen 81' | cut -d: -f1)
	line=/etc/apache2/ports.conf:$lines
	alerts_json | jq -e --arg t "$1" --arg l "$line" '[.[] | select(.time >= $t and .container == "S2-web")] |
		any(.finding == "config.drift" and (.observed | contains("+ listens on tcp *:81")) and (.observed | contains($l)) and
			any(.expected[]; contains("tcp *:80") and contains("/etc/apache2/ports.conf:5"))) and
		any(.finding == "listener.new" and (.why | contains($l)) and any(.expected[]; contains("/etc/apache2/ports.conf:5")))' >/dev/null ||
		{ alerts_json | jq -c '.[] | select(.container == "S2-web") | [.finding, .observed, .why, .expected]'; return 1; }
}
