#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "pierglass feed": what it prints, its exit codes, files that are no feeds; and the shared feeds with their reference answers.
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
n=0 failed=0
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
ok() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi; }
# gives EXIT TEXT ARGUMENTS...: exit status, and a text in what is printed
gives() {
	local want=$1 text=$2 out rc
	shift 2
	out=$("$B/pierglass" feed "$@" 2>&1)
	rc=$?
	[ $rc = "$want" ] && case $out in *"$text"*) true ;; *) false ;; esac
	ok $? "feed ${*//$T\//}: $want, \"$text\""
	[ $rc = "$want" ] || printf '#   exit %s: %s\n' $rc "${out:0:300}"
}
cat >"$T/list" <<'X'
# a list of ours
198.51.100.0/24
9.9.9.0/24 ; SBL1
9.9.9.128/25
8.8.4.1-8.8.4.9
2a01:4f8::/32
10.0.0.0/8
bad.example.org
*.worse.example.net
http://7.7.7.7/kit.sh
0.0.0.0 host.example.com
||ads.example.com^
44d88612fea8a8f36de82e1278abb02f  eicar.com
X
gives 0 "list:3: 9.9.9.0/24 ; SBL1" check 9.9.9.1 --feed "$T/list"
gives 0 "list:4: 9.9.9.128/25" check 9.9.9.200 --feed "$T/list"
gives 0 "list:5: 8.8.4.1-8.8.4.9" check 8.8.4.9 --feed "$T/list"
gives 1 "is not listed" check 8.8.4.10 --feed "$T/list"
gives 0 "2a01:4f8::/32" check 2a01:4f8:1::1 --feed "$T/list"
gives 0 "8.8.4.1" check ::ffff:8.8.4.1 --feed "$T/list"
gives 0 "never blocked: private" check 10.1.2.3 --feed "$T/list"
gives 0 "ip within" check 198.51.100.7 --feed "$T/list"
gives 0 "domain exact" check BAD.example.org. --feed "$T/list"
gives 0 "domain below" check a.b.worse.example.net --feed "$T/list"
gives 1 "is not listed" check a.host.example.com --feed "$T/list"
gives 0 "domain below" check x.ads.example.com --feed "$T/list"
gives 0 "url exact" check http://7.7.7.7/kit.sh --feed "$T/list"
gives 0 "ip exact" check 7.7.7.7 --feed "$T/list"
gives 0 "ip host" check http://9.9.9.9:8080/x --feed "$T/list"
gives 0 "hash exact" check 44D88612FEA8A8F36DE82E1278ABB02F --feed "$T/list"
gives 2 "not an address" check "what is this" --feed "$T/list"
gives 3 "no sensor" --run "$T" check 1.2.3.4
gives 2 "No such file" check 1.2.3.4 --feed "$T/absent"
gives 2 "Is a directory" check 1.2.3.4 --feed "$T"
gives 2 "expected" nonsense
printf '\x7fELF\0\0\0' >"$T/binary"
gives 4 "it is no text" check 1.2.3.4 --feed "$T/binary"
printf '<!DOCTYPE html><html><body>404' >"$T/page"
gives 4 "web page" test "$T/page"
: >"$T/empty"
gives 4 "it lists nothing" test "$T/empty"
printf '# Entries         : 3 unique IPs\n9.9.9.9\n9.9.9.8\n' >"$T/cut"
gives 4 "cut short" test "$T/cut"
printf '{"type":"bundle","objects":[{"type":"indicator","patt' >"$T/cut.json"
gives 4 "cut short" test "$T/cut.json"
gives 0 "9.9.9.9" check 9.9.9.9 --feed "$T/list" --feed "$T/binary"
truncate -s 300M "$T/sparse"
gives 4 "larger than 256 MiB" test "$T/sparse"
printf '0.0.0.0/1\n128.0.0.0/1\n::/0\n::ffff:0:0/96\n9.9.9.9\n' >"$T/all"
gives 0 "4 never blocked" test "$T/all"
printf '"first_seen","dst_ip","dst_port","malware"\r\n"2024","9.8.7.6","443","Pika\033[31mbot"\r\n' >"$T/table"
gives 0 '\u001b[31mbot' check 9.8.7.6 --feed "$T/table" --json
gives 0 'Pika?[31mbot' check 9.8.7.6 --feed "$T/table"
# No file may be opened by the reading process, whatever a feed says.
gives 0 "json" test - < <(echo '{"cidr":"9.9.9.0/24","sblid":"../../etc/passwd"}')
data=../shared/data/feeds
if [ -d "$data" ]; then
	python3 tests/golden/feeds.py "$B/pierglass" "$data" >"$T/ref" || failed=1
	grep -v '^1\.\.' "$T/ref" | awk -v n="$n" '/^(not )?ok / { sub(/ok [0-9]+/, "ok " ++n) } { print }'
	n=$((n + $(grep -c '^\(not \)\?ok ' "$T/ref")))
else
	echo "# no shared feeds here ($data): only our own lists were read"
fi
# Databases of addresses: the shared ones, every probe.
if [ -d ../shared/data/mmdb ]; then
	answers=$(python3 tests/golden/geo.py "$B/pierglass" ../shared/data/mmdb)
	total=${answers##* OF }
	[ "${answers##*$'\n'}" = "$total OF $total" ] && [ "$total" -gt 3000 ]
	ok $? "feed check --geo: all $total answers as mmdblookup's"
	[ "${answers##*$'\n'}" = "$total OF $total" ] || printf '%s\n' "$answers" | head -20
else
	echo "# ../shared/data/mmdb is not here"
fi
gives 2 "--geo is for feed check" list --geo "$T/list"
gives 4 "invalid metadata" check 1.1.1.1 --geo "$T/list"
echo "1..$n"
exit $failed
