#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2119
# Feeds of a running sensor, from files and over HTTPS (a server in a namespace of its own, with a certificate authority made
# here): read again on change, refused when they cannot be right, the last good copy kept, what must never be blocked not taken;
# no certificate, redirect, size or slowness gets around the rules.
cd "$(dirname "$0")/../.." || exit 1
. tests/netns/lib.sh
lab_open pgfeed
WEB=$P-web
pg() { "$B/pierglass" --run "$T/run" "$@"; }
feed() { pg feed list --json | jq -r --arg f "$1" ".[] | select(.feed == \$f) | $2"; } # NAME FILTER
alerts() { jq -r "select(.finding == \"feed.poisoned\") | .observed" "$T/state/alerts.jsonl" 2>/dev/null; }
told() { alerts | grep -qF "$1"; }
listed() { pg feed check "$1" >"$T/check" 2>&1; }
has_state() { [ "$(feed "$1" .state)" = "$2" ]; }

# ---- a server outside, 198.18.77.2 (a test network: not private), which also has an address inside
ip netns add "$WEB" && ip link add "pgw$$" type veth peer name eth0 netns "$WEB" || exit 1
web_close() {
	kill "$SERVER" 2>/dev/null
	ip link del "pgw$$" 2>/dev/null
	ip netns del "$WEB" 2>/dev/null
	lab_close
}
trap web_close EXIT
ip addr add 198.18.77.1/30 dev "pgw$$" && ip link set "pgw$$" up
ip -n "$WEB" link set lo up && ip -n "$WEB" addr add 198.18.77.2/30 dev eth0 && ip -n "$WEB" addr add 10.99.99.2/32 dev eth0 &&
	ip -n "$WEB" link set eth0 up
ip route add 10.99.99.2/32 dev "pgw$$"

# NAME SUBJECT-ALT-NAME CA DAYS
cert() {
	openssl req -newkey rsa:2048 -nodes -keyout "$T/$1.key" -out "$T/$1.csr" -subj "/CN=$1" 2>/dev/null
	printf 'subjectAltName=%s\n' "$2" >"$T/$1.ext"
	if [ "$4" -gt 0 ]; then
		openssl x509 -req -in "$T/$1.csr" -CA "$T/$3.crt" -CAkey "$T/$3.key" -CAcreateserial -days "$4" -extfile "$T/$1.ext" -out "$T/$1.crt" 2>/dev/null
	else
		mkdir -p "$T/ca" && : >"$T/ca/index" && echo 01 >"$T/ca/serial"
		printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/ca/index\nserial=%s/ca/serial\nnew_certs_dir=%s/ca\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' \
			"$T" "$T" "$T" >"$T/ca/conf"
		openssl ca -batch -config "$T/ca/conf" -cert "$T/$3.crt" -keyfile "$T/$3.key" -in "$T/$1.csr" -extfile "$T/$1.ext" \
			-startdate 20200101000000Z -enddate 20210101000000Z -out "$T/$1.crt" 2>/dev/null
	fi
	cat "$T/$1.crt" "$T/$1.key" >"$T/$1.pem"
}
for ca in ca strangers; do
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/$ca.key" -out "$T/$ca.crt" -days 30 -subj "/CN=$ca" 2>/dev/null
done
cert good IP:198.18.77.2,IP:10.99.99.2,IP:127.0.0.1,DNS:inside.pierglass.test ca 30
cert stranger IP:198.18.77.2 strangers 30
cert expired IP:198.18.77.2 ca 0
cert other DNS:elsewhere.example ca 30
mkdir "$T/www"
addresses() { for ((i = 0; i < $1; i++)); do echo "198.51.$((i / 250 + 100)).$((i % 250 + 1))"; done; }
addresses 300 >"$T/www/list"
ip netns exec "$WEB" python3 tests/netns/feeds_server.py "$T" 198.18.77.2 >"$T/server.log" 2>&1 &
SERVER=$!
wait_for 10 test -e "$T/serving"
ok $? "an HTTPS server is there"

# ---- the sensor; its files lie where core itself may not read
cp "$T/www/list" "$T/file.netset"
chmod 644 "$T/file.netset"
{
	printf 'feeds:\n  files: [%s/file.netset]\n  never_block: [198.51.100.77]\n  timeout: 4\n  urls:\n' "$T"
	for f in list to-http to-file to-private to-loopback to-mapped to-self to-name to-loop endless slow cut bomb; do
		printf '    - { name: %s, url: "https://198.18.77.2/%s", ca: %s/ca.crt, max_bytes: 1 MiB, every: 86400, category: tested, confidence: 77 }\n' "$f" "$f" "$T"
	done
	printf '%s\n' "geo: { asn: $T/asn.mmdb }" >>"$T/geo.yaml"
	n=444
	for f in stranger expired other; do
		printf '    - { name: %s, url: "https://198.18.77.2:%s/list", ca: %s/ca.crt, every: 86400 }\n' "$f" $((n++)) "$T"
	done
	cat "$T/geo.yaml"
} >"$T/config.yaml"
MMDB=../shared/data/mmdb/good/GeoLite2-ASN-Test/GeoLite2-ASN-Test.mmdb
[ -e "$MMDB" ] || MMDB=
[ -z "$MMDB" ] || install -m 644 "$MMDB" "$T/asn.mmdb"
keeper_start --config "$T/config.yaml"
wait_for 15 has_state file.netset used
ok $? "a file that only the keeper may open is read"
wait_for 20 has_state list used
ok $? "a feed over HTTPS is fetched and read"
listed 198.51.100.9 && grep -q 'list:9:' "$T/check" && grep -q 'tested' "$T/check" && grep -q 'confidence 77' "$T/check"
ok $? "it lists by feed and line, with the operator's category and confidence"
is "$(stat -c %s "$T/state/feeds/list" 2>/dev/null)" "$(stat -c %s "$T/www/list")" "its last good copy is in STATE/feeds"

kernel() { pg status --json | jq .tables.listed_ranges; }
in_kernel() { [ "$(kernel)" = "$1" ]; }
wait_for 5 in_kernel 3
ok $? "the kernel looks new flows up (the 299 addresses that may be blocked are 3 ranges)"

# ---- never to be blocked
listed 198.51.100.77 && [ "$(grep -c 'never blocked: node' "$T/check")" -ge 1 ] && ! grep -qv 'never blocked: node' "$T/check"
ok $? "an address of feeds.never_block is not used"
cat >"$T/www/list" <<-END
	198.51.100.1
	10.0.0.0/8
	192.168.1.1
	127.0.0.1
	169.254.169.254
	0.0.0.0/0
	0.0.0.0/1
	128.0.0.0/1
	::/0
	::ffff:10.1.2.3
	fe80::1
	198.18.77.1
	10.77.0.1
	224.0.0.1
END
addresses 300 >>"$T/www/list"
pg feed update list >/dev/null
ok $? "feed update fetches it again"
never=0
for a in 10.1.2.3 192.168.1.1 127.0.0.1 169.254.169.254 8.8.8.8 200.1.1.1 2001:4860::1 ::ffff:10.1.2.3 fe80::1 198.18.77.1 10.77.0.1 224.0.0.1; do
	listed "$a" && grep -q "used by nobody\|never blocked" "$T/check" || { note "$a: $(cat "$T/check")"; never=$((never + 1)); }
done
is "$never" 0 "private, link-local, multicast, too wide ones and this node's own addresses are listed but never used"
wait_for 5 told "must never be blocked"
ok $? "and that is a finding (feed.poisoned)"

# ---- not changed
: >"$T/asked"
pg feed update list >/dev/null
is "$(awk '$1 == "/list" && $2 != "-"' "$T/asked" | wc -l)" 1 "the version that is here is named (If-None-Match)"
is "$(feed list .state)" used "304 leaves it in use"

# ---- what is refused leaves the last good copy
refused() { # NAME TEXT-OF-ERROR
	pg feed update list >"$T/out" && return 1
	grep -q "$1" "$T/out" || { note "$(cat "$T/out")"; return 1; }
	listed 198.51.100.9 && grep -q ' list:' "$T/check"
}
addresses 20 >"$T/www/list"
refused "lost more than half" && wait_for 5 told "lost more than half"
ok $? "a shrunk feed is refused, told, and what was read before stays"
pg feed accept list >/dev/null && [ "$(feed list .entries.ip)" = 20 ]
ok $? "feed accept takes it all the same"
addresses 300 >"$T/www/list"
pg feed accept list >/dev/null
addresses 4000 >"$T/www/list"
refused 'tenfold'
ok $? "a feed that grew tenfold is refused"
head -c 20000 /dev/urandom >"$T/www/list"
refused refused
ok $? "a binary one is refused"
head -c 1100000 /dev/zero | tr '\0' '\n' >"$T/www/list"
refused 'longer than 1048576'
ok $? "one above max_bytes is refused"
rm "$T/www/list"
refused 'answers 404'
ok $? "one that is gone is an error"
addresses 300 >"$T/www/list"
pg feed update list >/dev/null
ok $? "and it recovers"

# ---- the server is not to be trusted
bad() { # NAME TEXT DESCRIPTION
	pg feed update "$1" >"$T/out" 2>&1
	local rc=$?
	[ $rc = 1 ] && grep -qi "$2" "$T/out"
	ok $? "$3"
	[ $rc = 1 ] && grep -qi "$2" "$T/out" || note "exit $rc: $(cat "$T/out")"
}
bad stranger 'certificate' "another authority's certificate is refused"
bad expired 'certificate' "an expired certificate is refused"
bad other 'certificate' "another host's certificate is refused"
bad to-http 'something else than https' "no redirect to http"
bad to-file 'something else than https' "no redirect to file"
bad to-private "own world" "no redirect to a private address"
bad to-loopback "own world" "no redirect to loopback"
bad to-mapped "own world" "no redirect to a v4-mapped private address"
bad to-loop 'too often' "no endless redirects"
bad endless 'longer than' "an endless body ends"
bad slow 'time' "a body that drips ends"
bad cut 'transfer closed\|bytes remaining\|end of response' "a body shorter than announced is refused"
bad bomb 'longer than' "a small body that unpacks to a large one is refused"
bad to-name 'resolve\|own world' "no redirect to a name inside"
pg feed update to-self >"$T/out"
is "$? $(feed to-self .state)" "0 used" "a redirect on the same server is followed"
is "$(for f in to-http to-file to-private endless slow cut bomb; do feed $f .entries.ip; done | sort -u)" 0 "nothing of those is used"
is "$(grep -c 'sensor: \|fetch: cannot\|hung' "$T/keeper.log")" 0 "no program hung or failed meanwhile"

# ---- files
replace() { cat >"$T/file.new" && chmod 644 "$T/file.new" && mv "$T/file.new" "$T/file.netset"; }
{ addresses 300; echo 192.0.2.99; } | replace
wait_for 15 listed 192.0.2.99
ok $? "a file is read again when it changes"
addresses 100 | replace
wait_for 15 has_state file.netset refused && listed 192.0.2.99
ok $? "a file that lost more than half is refused, the last good copy stays"
{ printf '#\n# Entries         : 300 unique IPs\n#\n'; addresses 300 | head -c 2300; } | replace
cut_short() { feed file.netset .refused | grep -q 'cut short'; }
wait_for 15 cut_short && listed 192.0.2.99
ok $? "a truncated file is refused"
{ addresses 300; echo 192.0.2.98; } | replace
wait_for 15 listed 192.0.2.98
ok $? "a good one is taken again"
truncate -s 300M "$T/file.netset"
file_refused_large() { feed file.netset .refused | grep -q 'larger\|too long\|NUL\|binary'; }
wait_for 15 file_refused_large && listed 192.0.2.98
ok $? "an oversized one is refused"
is "$(alerts | grep -c "file.netset")" "$(alerts | grep "file.netset" | sort -u | wc -l)" "each is told once ($(alerts | grep -c file.netset) findings)"
[ "$(alerts | grep -c file.netset)" -ge 3 ]
ok $? "and each of them is a finding"

# ---- a database of addresses
if [ -n "$MMDB" ]; then
	grep -q 'asn.mmdb is in use' "$T/keeper.log"
	ok $? "a database of addresses is read"
	head -c 5000 "$MMDB" >"$T/asn.new" && chmod 644 "$T/asn.new" && mv "$T/asn.new" "$T/asn.mmdb"
	wait_for 15 told 'Database'
	ok $? "a broken one is refused and told"
	install -m 644 "$MMDB" "$T/asn.mmdb"
	in_use_twice() { [ "$(grep -c 'asn.mmdb is in use' "$T/keeper.log")" = 2 ]; }
	wait_for 15 in_use_twice
	ok $? "a good one is taken again"
else
	note "no shared databases here: geo.asn is not tried"
fi

# ---- a restart without the server
kill "$SERVER"
wait "$SERVER" 2>/dev/null
keeper_stop
: >"$T/keeper.log"
keeper_start --config "$T/config.yaml"
wait_for 15 listed 198.51.100.9 && grep -q 'list:9:' "$T/check"
ok $? "after a restart without the server the last good copy is in use"
wait_for 5 in_kernel 3
ok $? "in the kernel, too"
is "$(feed list '.etag | length > 0')" true "and its version is known"
error_there() { [ -n "$(feed list .error)" ]; }
wait_for 25 error_there
ok $? "that it cannot be fetched is said: $(feed list .error)"
plan_done
