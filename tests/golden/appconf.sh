#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `pierglass scan DIR`: the shared application cases against what the real daemons opened (when they are there), own small cases below
# tests/golden/appconf/, hostile root directories, wrong use.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s build/pierglass build/pierglass-inspect >&2 || { echo "not ok 1 - build"; exit 1; }
dir=$(mktemp -d /tmp/pgX-appconf-XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT

n=0 failures=0
check() { # NAME COMMAND...
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$dir/out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		failures=$((failures + 1))
		head -c 3000 "$dir/out" | cat -v | sed 's/^/# /'
	fi
}
pg() { timeout 30 build/pierglass scan "$@"; }
# The listeners as "tcp *:80 source" lines.
lines() { jq -r '.listeners[] | "\(.l4) \(.address):\(.port) \(.source)"'; }

# ---- own cases: DIR/cmd, DIR/env, DIR/root, DIR/want --------------------------------------------------------
own_case() {
	local case=$1 args=()
	[ -f "$case/cmd" ] && args+=(--cmd "$(cat "$case/cmd")")
	[ -f "$case/env" ] && while read -r l; do args+=(--env "$l"); done <"$case/env"
	pg "$case/root" --json "${args[@]}" >"$dir/json" || return 1
	python3 tests/golden/schema.py scan <"$dir/json" || return 1
	{ jq -r '.listeners[] | "\(.l4) \(.address):\(.port) \(.source)"' "$dir/json"; jq -r '.upstreams[] | "-> \(.target) \(.source)"' "$dir/json"
		jq -r '.unread[] | "unread \(.what): \(.why)"' "$dir/json"; } >"$dir/got"
	[ "${update:-}" = 1 ] && cp "$dir/got" "$case/want"
	diff -u "$case/want" "$dir/got"
}
[ "${1:-}" = --update ] && update=1
for case in tests/golden/appconf/*/; do
	check "$(basename "$case")" own_case "${case%/}"
done

# ---- hostile roots: nothing from outside, bounded ----------------------------------------------------------
h=$dir/h
secret=$dir/secret
mkdir -p "$secret" && echo 'Listen 6666' >"$secret/ports.conf"
# hostile NAME: a fresh root with an Apache whose ports.conf is to be made
root() {
	rm -rf "$h"
	mkdir -p "$h/etc/apache2"
	printf 'Listen 80\nIncludeOptional ports.conf\nListen 81\n' >"$h/etc/apache2/apache2.conf"
}
scan_h() { pg "$h" --json --cmd "apache2 -DFOREGROUND" >"$dir/json" && python3 tests/golden/schema.py scan <"$dir/json"; }
# What a hostile file may not do: hide the others, bring something from outside, take long.
harmless() {
	local begin end
	begin=$(date +%s%N)
	scan_h || return 1
	end=$(date +%s%N)
	lines <"$dir/json" >"$dir/lines"
	cat "$dir/lines"
	jq -c .unread "$dir/json"
	grep -q ':80 ' "$dir/lines" && ! grep -q 6666 "$dir/json" && [ $(((end - begin) / 1000000)) -lt 15000 ]
}
said() { jq -e --arg why "$1" '.unread | any(.why | contains($why))' "$dir/json" >/dev/null; }

absolute_link() { root; ln -s "$secret/ports.conf" "$h/etc/apache2/ports.conf"; harmless; }
dots() { root; ln -s ../../../../../../../../../../"$secret/ports.conf" "$h/etc/apache2/ports.conf"; harmless; }
directory_link() { root; ln -s "$secret" "$h/etc/apache2/d"; echo 'IncludeOptional d/*.conf' >>"$h/etc/apache2/apache2.conf"; harmless; }
inside_link() { root; echo 'Listen 82' >"$h/real"; ln -s /real "$h/etc/apache2/ports.conf"; harmless && grep -q ':82 ' "$dir/lines"; }
magic_link() { root; ln -s "/proc/self/root$secret/ports.conf" "$h/etc/apache2/ports.conf"; mkdir -p "$h/proc/self"; ln -s / "$h/proc/self/root"; harmless; }
fifo() { root; mkfifo "$h/etc/apache2/ports.conf"; harmless && said "no regular file"; }
device() { root; mknod "$h/etc/apache2/ports.conf" c 1 5 2>/dev/null || return 0; harmless && said "no regular file"; }
socket_file() { root; python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$h/etc/apache2/ports.conf"; harmless && said "no regular file"; }
sparse() { root; truncate -s 1T "$h/etc/apache2/ports.conf" || return 0; harmless && said "longer than 1 MiB"; }
long_line() { root; printf 'Listen 83 ' >"$h/etc/apache2/ports.conf"; truncate -s 4G "$h/etc/apache2/ports.conf"; harmless && said "longer than 1 MiB"; }
include_loop() { root; echo 'Include apache2.conf' >"$h/etc/apache2/ports.conf"; harmless && said "a loop?"; }
link_loop() { root; ln -s b "$h/etc/apache2/ports.conf"; ln -s ports.conf "$h/etc/apache2/b"; harmless; }
many() { # 10^5 files of one pattern
	root; mkdir "$h/etc/apache2/many"
	python3 -c 'import sys
for i in range(100000): open(f"{sys.argv[1]}/{i}.conf", "w").close()' "$h/etc/apache2/many"
	echo 'IncludeOptional many/*.conf' >>"$h/etc/apache2/apache2.conf"; harmless && said "more than 4096 names"; }
many_includes() { # 10^5 include lines
	root; seq -f 'IncludeOptional x%.0f.conf' 100000 >"$h/etc/apache2/ports.conf"; echo 'Listen 84' >"$h/etc/apache2/x7.conf"; harmless; }
many_files() { # more files than are read
	root; mkdir "$h/etc/apache2/m"
	for i in $(seq 3000); do echo "Listen $((10000 + i))" >"$h/etc/apache2/m/$i.conf"; done
	echo 'IncludeOptional m/*.conf' >>"$h/etc/apache2/apache2.conf"; harmless && said "more than 2000 files"; }
nul_bytes() { root; printf 'Listen 85\0\nListen 86\n' >"$h/etc/apache2/ports.conf"; harmless && said "NUL"; }
macro_bomb() { root; { echo '<Macro A0>'; echo 'Listen 87'; echo '</Macro>'
	for i in $(seq 30); do printf '<Macro A%d>\nUse A%d\nUse A%d\n</Macro>\n' "$i" $((i - 1)) $((i - 1)); done; echo 'Use A30'; } >"$h/etc/apache2/ports.conf"; harmless; }
define_bomb() { root; { echo 'Define a aaaaaaaaaaaaaaaa'; for i in $(seq 40); do echo "Define a \${a}\${a}"; done; } >"$h/etc/apache2/ports.conf"; harmless; }
xml_bomb() { root; mkdir -p "$h/usr/local/tomcat/conf"
	{ echo '<!DOCTYPE s [<!ENTITY a0 "aaaaaaaaaaaaaaaaaaaa">'; for i in $(seq 30); do echo "<!ENTITY a$i \"&a$((i - 1));&a$((i - 1));\">"; done; echo ']><Server port="8005">&a30;</Server>'; } >"$h/usr/local/tomcat/conf/server.xml"
	pg "$h" --json --cmd "catalina.sh run" >"$dir/json" && jq -e '.unread | length > 0' "$dir/json"; }
xml_outside() { root; mkdir -p "$h/usr/local/tomcat/conf"
	echo "<!DOCTYPE s [<!ENTITY a SYSTEM \"file://$secret/ports.conf\">]><Server port=\"-1\"><Service><Connector port=\"8080\" address=\"&a;\"/>&a;</Service></Server>" >"$h/usr/local/tomcat/conf/server.xml"
	pg "$h" --json --cmd "catalina.sh run" >"$dir/json" && ! grep -q 6666 "$dir/json"; }
yaml_bomb() { root; mkdir -p "$h/etc"
	{ echo 'a: &a [x,x,x,x,x,x,x,x,x]'; p=a; for i in b c d e f g i j; do echo "$i: &$i [*$p,*$p,*$p,*$p,*$p,*$p,*$p,*$p]"; p=$i; done; echo 'net: {port: 1}'; } >"$h/etc/mongod.conf"
	pg "$h" --json --cmd "mongod -f /etc/mongod.conf" >"$dir/json" && jq -e '.unread | length > 0' "$dir/json"; }
shell_bomb() { root; mkdir -p "$h/usr/bin"; printf '#!/bin/sh\nf() { f; f; }\nf\nwhile true; do f & done\nexec "$0" "$@"\n' >"$h/usr/bin/start.sh"
	pg "$h" --json --cmd "start.sh nginx" >"$dir/json" && jq -e . "$dir/json" >/dev/null; }
terminal() { # names with escapes reach no terminal
	root; printf 'Listen 80\nDocumentRoot "/x\033[31m"\n' >"$h/etc/apache2/apache2.conf"
	pg "$h" --cmd "apache2" >"$dir/text" && ! grep -q "$(printf '\033')" "$dir/text"; }
# A path that is exchanged for a link to the outside, again and again, while it is read.
racing() {
	root; mkdir "$h/etc/apache2/c"; echo 'Listen 88' >"$h/etc/apache2/c/ports.conf"
	rm -f "$h/etc/apache2/ports.conf"; ln -s c/ports.conf "$h/etc/apache2/ports.conf"; ln -s "$secret" "$h/etc/apache2/out"
	python3 - "$h/etc/apache2" <<-'PY' &
		import os, sys, time
		os.chdir(sys.argv[1])
		end = time.time() + 8
		while time.time() < end:
		    try:
		        os.rename("c", "t"); os.rename("out", "c"); os.rename("c", "out"); os.rename("t", "c")
		    except OSError:
		        pass
	PY
	local pid=$! rc=0
	for _ in $(seq 60); do scan_h && ! grep -q 6666 "$dir/json" || { rc=1; break; }; done
	kill $pid 2>/dev/null; wait $pid 2>/dev/null
	return $rc; }

for t in absolute_link dots directory_link inside_link magic_link fifo device socket_file sparse long_line include_loop link_loop many many_includes many_files \
	nul_bytes macro_bomb define_bomb xml_bomb xml_outside yaml_bomb shell_bomb terminal racing; do
	check "hostile root: ${t//_/ }" "$t"
done

# ---- the sandbox, wrong use -----------------------------------------------------------------------------------
usage() { pg "$@"; [ $? = 2 ]; }
root
check "no directory: usage" usage
no_image() { pg "$@" 2>"$dir/err"; [ $? = 4 ] && [ "$(wc -l <"$dir/err")" = 1 ] && grep -q 'no tar archive' "$dir/err"; }
check "a file that is no image: said so, in one line" no_image "$h/etc/apache2/apache2.conf"
check "--env without =: usage" usage "$h" --env X
check "--cmd belongs to scan" eval 'build/pierglass status --cmd x; [ $? = 2 ]'
unprivileged() { chmod -R a+rX "$dir" && cp build/pierglass build/pierglass-inspect "$dir/" && chmod 755 "$dir/pierglass" "$dir/pierglass-inspect" &&
	setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/pierglass" scan "$h" --json --cmd apache2 | jq -e '.listeners | length == 2'; }
check "without root" unprivileged
as_table() { pg "$h" --cmd apache2 | grep -q 'tcp \*:80 .*httpd .*/etc/apache2/apache2.conf:1'; }
check "a table with file and line" as_table

# ---- drift ---------------------------------------------------------------------------------------------------------
b=$dir/drift
mkdir -p "$b/etc/apache2" "$b/usr/sbin"
printf '#!/bin/sh\nexec apache2 -DFOREGROUND\n' >"$b/start"
printf 'ELF one' >"$b/usr/sbin/apache2"
chmod 755 "$b/start" "$b/usr/sbin/apache2"
printf 'Listen 80\n' >"$b/etc/apache2/apache2.conf"
pg "$b" --cmd /start --json >"$dir/base.json"
drifts() { # CODE PATTERN ARGUMENTS...
	local code=$1 pattern=$2
	shift 2
	pg "$b" --baseline "$dir/base.json" "$@" >"$dir/drift.out" 2>&1
	[ $? = "$code" ] && grep -q -e "$pattern" "$dir/drift.out" || { cat "$dir/drift.out"; return 1; }
}
check "the same inputs: no drift" drifts 0 '^Nothing changed' --cmd /start
printf '# a comment\nListen 80\n' >"$b/etc/apache2/apache2.conf"
check "another line, the same meaning: no drift" drifts 0 '^Nothing changed' --cmd /start
printf 'Listen 80\nListen 81\n' >"$b/etc/apache2/apache2.conf"
check "another listener" drifts 1 '^+ listens on tcp \*:81 (httpd)  (/etc/apache2/apache2.conf:2)' --cmd /start
printf 'Listen 80\n' >"$b/etc/apache2/apache2.conf"
printf 'ELF two' >"$b/usr/sbin/apache2"
check "another binary" drifts 1 '^+ runs /usr/sbin/apache2 sha256:' --cmd /start
printf 'ELF one' >"$b/usr/sbin/apache2"
printf '#!/bin/sh\ntrue\nexec apache2 -DFOREGROUND\n' >"$b/start"
check "another entrypoint script" drifts 1 '^+ runs script /start sha256:' --cmd /start
check "another start command" drifts 1 '^+ started by apache2' --cmd 'apache2 -DFOREGROUND'
check "drift as JSON fits its schema" eval 'pg "$b" --cmd apache2 --baseline "$dir/base.json" --json >"$dir/json"; [ $? = 1 ] &&
	jq -e ".drift | length > 0" "$dir/json" && python3 tests/golden/schema.py scan <"$dir/json"'
check "a baseline that is none: usage" eval 'pg "$b" --baseline "$b/start"; [ $? = 2 ]'

# ---- packages ------------------------------------------------------------------------------------------------------
k=$dir/packages
mkdir -p "$k/var/lib/dpkg/info" "$k/usr/sbin" "$k/usr/bin" "$k/opt" "$k/etc/nginx"
for x in usr/sbin/nginx usr/bin/redis-check-rdb opt/own; do printf 'ELF %s' "$x" >"$k/$x"; chmod 755 "$k/$x"; done
ln -s redis-check-rdb "$k/usr/bin/redis-server"
: >"$k/etc/nginx/nginx.conf"
printf 'Package: ../../../etc/passwd\nStatus: install ok installed\nVersion: 0\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n' >"$k/var/lib/dpkg/status"
printf 'Package: nginx-light\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22.1-9\n\n' >>"$k/var/lib/dpkg/status"
printf 'Package: tools\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 7:7.0' >>"$k/var/lib/dpkg/status"
sums() { (cd "$k" && md5sum "$@"); }
sums usr/sbin/nginx >"$k/var/lib/dpkg/info/nginx-light.md5sums"
sums usr/bin/redis-check-rdb | sed 's| usr/| |' >"$k/var/lib/dpkg/info/tools:amd64.md5sums" # as before /usr was merged
sums opt/own >"$k/var/lib/dpkg/info/gone.md5sums"
package() { # ROOT COMMAND WANTED
	pg "$1" --cmd "$2" --json >"$dir/json" && python3 tests/golden/schema.py scan <"$dir/json" && jq -c '.files.program[-1].package | [.name, .version, .unchanged]' "$dir/json" >"$dir/got" || return 1
	[ "$(cat "$dir/got")" = "$3" ] || { cat "$dir/got"; return 1; }
}
check "dpkg: the program's package, as it was packaged" package "$k" nginx '["nginx-light","1.22.1-9",true]'
check "dpkg: a link, an architecture in the name, a merged /usr" package "$k" redis-server '["tools","7:7.0",true]'
printf x >>"$k/usr/sbin/nginx"
check "dpkg: another content than was packaged" package "$k" nginx '["nginx-light","1.22.1-9",false]'
says_changed() { pg "$k" --cmd nginx | grep -q '/usr/sbin/nginx  (package nginx-light 1.22.1-9, NOT as it was packaged)'; }
check "and a person is told" says_changed
check "dpkg: a program of no package, and of one that was removed" package "$k" /opt/own '[null,null,null]'
mkdir -p "$k/var/lib/dpkg/status.d"
mv "$k/var/lib/dpkg/status" "$dir/status"
printf 'Package: nginx-light\nVersion: 1.22.1-9\n' >"$k/var/lib/dpkg/status.d/nginx-light"
mv "$k/var/lib/dpkg/info/nginx-light.md5sums" "$k/var/lib/dpkg/status.d/nginx-light.md5sums"
check "status.d: an image without dpkg" package "$k" nginx '["nginx-light","1.22.1-9",false]'
rm -r "$k/var/lib/dpkg"
mkdir -p "$k/lib/apk/db"
apk_sum=$(sha1sum "$k/usr/sbin/nginx" | cut -c1-40 | sed 's/../\\x&/g' | xargs -0 printf '%b' | base64)
printf 'P:busybox\nV:1.36\nF:bin\nR:busybox\nZ:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nP:nginx\nV:1.26-r0\nF:etc/nginx\nR:nginx.conf\nF:usr/sbin\nR:nginx\na:0:0:755\nZ:Q1%s\n\n' "$apk_sum" >"$k/lib/apk/db/installed"
check "apk: the program's package, as it was packaged" package "$k" nginx '["nginx","1.26-r0",true]'
printf y >>"$k/usr/sbin/nginx"
check "apk: another content than was packaged" package "$k" nginx '["nginx","1.26-r0",false]'
tar -C "$k" -cf "$dir/layer.tar" .
printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["nginx"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$(sha256sum "$dir/layer.tar" | cut -c1-64)" >"$dir/config.json"
printf '[{"Config":"config.json","RepoTags":["x:1"],"Layers":["layer.tar"]}]' >"$dir/manifest.json"
tar -C "$dir" -cf "$dir/image.tar" manifest.json config.json layer.tar
check "the same of an image archive" package "$dir/image.tar" nginx '["nginx","1.26-r0",false]'
mkdir -p "$k/var/lib/rpm" && rm -r "$k/lib/apk"
: >"$k/var/lib/rpm/rpmdb.sqlite"
rpm_is_said() { pg "$k" --cmd nginx --json | jq -e 'any(.notes[]; contains("RPM database, which is not read")) and (.files.program[0] | has("package") | not)'; }
check "an RPM database is not read, which is said" rpm_is_said

# ---- the shared cases ------------------------------------------------------------------------------------------
if [ -d ../shared/data/appconf ]; then
	score() { tests/golden/appconf_score.py build/pierglass ../shared/data/appconf; }
	check "shared cases: all of the named applications, 90 % of all" score
	sed 's/^/# /' "$dir/out" | sed 's/^# # /# /'
else
	echo "# ../shared/data/appconf is not here: its cases are left out"
fi
echo "1..$n"
[ "$failures" = 0 ]
