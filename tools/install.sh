#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tools/install.sh BUILD DESTDIR PREFIX: copies what `make` built below DESTDIR, makes user and group when DESTDIR is empty.
# The helper programs sit beside pierglassd: it finds them there (DECISIONS 27).
set -eu
cd "$(dirname "$0")/.."
build=${1:-build} dest=${2:-} prefix=${3:-/usr}
root=$dest$prefix

install -d "$root/sbin" "$root/bin" "$dest/etc/pierglass"
for p in pierglassd pierglass-core pierglass-inspect; do
	install -m 0755 "$build/$p" "$root/sbin/$p"
done
install -m 0755 "$build/pierglass" "$root/bin/pierglass"

install -d "$root/lib/systemd/system" "$root/lib/sysusers.d"
sed "s|@PREFIX@|$prefix|g" etc/pierglassd.service >"$root/lib/systemd/system/pierglassd.service"
chmod 0644 "$root/lib/systemd/system/pierglassd.service"
install -m 0644 etc/sysusers/pierglass.conf "$root/lib/sysusers.d/pierglass.conf"

# An operator's configuration is never overwritten.
if [ -e etc/pierglass.yaml ] && ! [ -e "$dest/etc/pierglass/pierglass.yaml" ]; then
	install -m 0644 etc/pierglass.yaml "$dest/etc/pierglass/pierglass.yaml"
fi
for f in etc/schema/*.json; do
	[ -e "$f" ] || continue
	install -D -m 0644 "$f" "$root/share/pierglass/schema/${f##*/}"
done
for f in etc/ipfix.md etc/stack.yml etc/Dockerfile etc/ci-scan.sh etc/pierglass-container; do
	install -D -m "$([ -x "$f" ] && echo 0755 || echo 0644)" "$f" "$root/share/pierglass/${f##*/}"
done
for f in etc/man/*.[1-8]; do
	[ -e "$f" ] || continue
	install -D -m 0644 "$f" "$root/share/man/man${f##*.}/${f##*/}"
done
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
tools/man.sh "$build/pierglass" "$pages"
for f in "$pages"/*.1; do
	install -D -m 0644 "$f" "$root/share/man/man1/${f##*/}"
done

if [ -z "$dest" ] && [ "$(id -u)" = 0 ]; then
	getent group pierglass >/dev/null || groupadd --system pierglass
	getent passwd pierglass >/dev/null ||
		useradd --system --gid pierglass --home-dir /var/lib/pierglass --no-create-home --shell /usr/sbin/nologin pierglass
	echo "installed; start with: systemctl daemon-reload && systemctl enable --now pierglassd"
fi
