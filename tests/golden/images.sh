#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `pierglass scan` of images (docker save, OCI layout as directory and archive, layers plain, gzip and zstd; whiteouts; hostile ones) and of
# whole stacks (--compose), beside docker-compose's own answers when the shared data are there; S13: a baseline and a rebuilt image.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s build/pierglass build/pierglass-inspect >&2 || { echo "not ok 1 - build"; exit 1; }
dir=$(mktemp -d /tmp/pgX-images-XXXXXX) || exit 1
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
pg() { timeout 60 build/pierglass scan "$@"; }
image() { python3 tests/golden/image_make.py "$@"; }

# ---- forms ---------------------------------------------------------------------------------------------------------
image "$dir/docker.tar" docker
image "$dir/oci" oci-gzip
image "$dir/oci.tar" oci-zstd-tar
want='tcp 0.0.0.0:80 /etc/nginx/conf.d/default.conf:2
tcp 0.0.0.0:8080 /etc/nginx/conf.d/new.conf:2
-> http://app:3000 /etc/nginx/conf.d/default.conf:3'
reads() {
	pg "$1" --json >"$dir/json" || return 1
	python3 tests/golden/schema.py scan <"$dir/json" || return 1
	[ "$(jq -r '(.listeners[] | "\(.l4) \(.address):\(.port) \(.source)"), (.upstreams[] | "-> \(.target) \(.source)")' "$dir/json")" = "$want" ] &&
		jq -e '.image.exposed == ["80/tcp"] and (.files.program[] | select(.path == "/usr/sbin/nginx") | .sha256 | length == 64)' "$dir/json"
}
for f in docker.tar oci oci.tar; do check "an image as $f: whiteouts, later layers, the command it has" reads "$dir/$f"; done
# (the programs from a place that nobody can reach: a home directory is private)
mkdir "$dir/bin" && cp build/pierglass build/pierglass-inspect "$dir/bin/"
check "as nobody, from a directory nobody can write" eval 'chmod -R a+rX "$dir"; chmod a+x "$dir"; setpriv --reuid 65534 --regid 65534 --clear-groups timeout 60 "$dir/bin/pierglass" scan "$dir/docker.tar" --json >"$dir/json2" && cmp "$dir/json2" <(pg "$dir/docker.tar" --json)'
check "another command overrides the image's" eval 'pg "$dir/docker.tar" --cmd "nginx -c /etc/none.conf" --json | jq -e "(.listeners | length == 0) and .command != null"'
check "the environment given goes before the image's" eval 'pg "$dir/docker.tar" --env X=1 --json | jq -e ".listeners | length == 2"'

# ---- S13 -------------------------------------------------------------------------------------------------------------
pg "$dir/docker.tar" --json >"$dir/base.json"
image "$dir/same.tar" docker
check "S13: rebuilt from the same inputs: no drift" eval 'pg "$dir/same.tar" --baseline "$dir/base.json"'
rebuilt() { # CHANGE PATTERN...
	local rc p
	image "$dir/new.tar" docker "$1" || return 1
	pg "$dir/new.tar" --baseline "$dir/base.json" >"$dir/diff" 2>&1
	rc=$?
	shift
	[ $rc = 1 ] || { echo "exit $rc"; cat "$dir/diff"; return 1; }
	for p; do grep -q -e "$p" "$dir/diff" || { echo "not said: $p"; cat "$dir/diff"; return 1; }; done
}
check "S13: another listener" rebuilt listener '^+ listens on tcp 0.0.0.0:81 (nginx)  (/etc/nginx/conf.d/new.conf:3)$'
check "S13: another binary" rebuilt binary '^- runs /usr/sbin/nginx sha256:' '^+ runs /usr/sbin/nginx sha256:'
check "S13: another entrypoint" rebuilt entrypoint '^+ runs script /entry.sh sha256:' '^- runs script /entry.sh sha256:'

# ---- hostile images ----------------------------------------------------------------------------------------------------
refused() { # COMMAND...: exit 4 with one line, in time
	local rc
	"$@" >"$dir/o" 2>"$dir/e"
	rc=$?
	[ $rc = 4 ] && [ "$(wc -l <"$dir/e")" = 1 ] || { echo "exit $rc"; cat "$dir/e"; return 1; }
}
head -c 100000 /dev/urandom >"$dir/noise"
head -c 3000 "$dir/docker.tar" >"$dir/cut.tar"
printf '{"a":' | tar -C "$dir" -cf "$dir/empty.tar" --files-from /dev/null
for f in noise cut.tar empty.tar; do check "no image ($f): refused with its reason" refused pg "$dir/$f"; done
for k in escape loop bomb deep; do
	image "$dir/$k.tar" docker "$k"
	check "hostile image ($k): nothing from outside, bounded" eval 'timeout 50 build/pierglass scan "$dir/$k.tar" --json >"$dir/h" 2>"$dir/e"; [ $? -lt 5 ] && ! grep -q root:x "$dir/h"'
done
check "neither a file nor an image" refused pg "no-such-image:1" --docker "$dir/none.sock"

# ---- stacks --------------------------------------------------------------------------------------------------------------
mkdir "$dir/stack"
cat >"$dir/stack/compose.yaml" <<'END'
x-base: &base {restart: always, networks: [back]}
services:
  web:
    <<: *base
    image: "demo/web:${TAG:-7}"
    ports: ["127.0.0.1:8080:80", "9000-9001:9000-9001/udp"]
    environment:
      DATABASE_URL: postgres://u:secret@db/app
      MODE: cache
    depends_on: [cache]
  db: {<<: *base, image: postgres}
  cache: {image: redis, networks: {back: {aliases: [kv]}}}
  worker: {image: w, command: ["run", "--queue=redis://kv:6380/1"], network_mode: "service:web"}
networks: {back: {internal: true}}
END
stack() {
	pg --compose "$dir/stack/compose.yaml" --json >"$dir/json" && python3 tests/golden/schema.py stack <"$dir/json" && jq -e '
		([.edges[] | [.client, .server, .port, .kind]] | sort) == ([["web","db",5432,"environment"],["web","cache",null,"depends_on"],["worker","cache",6380,"command"]] | sort)
		and (.services[0] | .image == "demo/web:7" and (.ports | length == 3) and .networks == ["back"]) and (tostring | contains("secret") | not)' "$dir/json"
}
check "a stack: ports, merge keys, defaults, edges with their lines, no secret" stack
check "a stack's drift" eval 'cp "$dir/json" "$dir/b.json"; sed -i "s/8080:80/8081:80/" "$dir/stack/compose.yaml"; pg --compose "$dir/stack/compose.yaml" --baseline "$dir/b.json"; [ $? = 1 ]'
ln -s /etc/passwd "$dir/stack/out.yaml"
check "a variable file outside the directory is not read" eval 'printf "services: {a: {image: x, env_file: [../../../../etc/passwd]}}" >"$dir/stack/c2.yaml"; pg --compose "$dir/stack/c2.yaml" --json >"$dir/h"; ! grep -q root:x "$dir/h"'
for kind in tab truncated; do
	[ $kind = tab ] && printf 'services:\n\ta: {}\n' >"$dir/stack/bad.yaml" || printf 'services: {a: "x' >"$dir/stack/bad.yaml"
	check "no compose file ($kind): refused, in one line" refused pg --compose "$dir/stack/bad.yaml"
done
shared=../shared/data/compose
if [ -d "$shared" ]; then
	for case in "$shared"/*/; do
		# shellcheck disable=SC2034 # for eval
		file=$(jq -r .compose_file "$case/case.json")
		if [ "$(jq -r .reference.rc "$case/case.json")" = 0 ]; then
			check "compose: $(basename "$case")" eval 'pg --compose "$case/$file" --json >"$dir/json" && python3 tests/golden/schema.py stack <"$dir/json" &&
				python3 tests/golden/compose_judge.py "$dir/json" "$case/normalised.json"'
		else
			check "compose: $(basename "$case") (refused by 1.29: read or refused, no crash)" eval 'pg --compose "$case/$file" --json >"$dir/json"; [ $? = 0 ] || [ $? = 4 ] || [ $? -lt 5 ]'
		fi
	done
else
	echo "# no shared compose cases here: own cases only"
fi
echo "1..$n"
[ $failures = 0 ]
