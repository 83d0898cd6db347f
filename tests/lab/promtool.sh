#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Prints the path of Prometheus' promtool. Debian's package starts a server when it is installed, so that it is only unpacked,
# once, into the cache of the lab's images.
set -eu
cache=${PIERGLASS_CACHE:-/var/cache/pierglass/images}
tool=$cache/promtool/usr/bin/promtool
if [ ! -x "$tool" ]; then
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/promtool.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work" # apt downloads as a user of its own
	(cd "$work" && { apt-get -qq download prometheus || { apt-get -qq update && apt-get -qq download prometheus; }; } >&2)
	dpkg-deb --fsys-tarfile "$work"/prometheus_*.deb | tar -x -C "$work" ./usr/bin/promtool
	rm -rf "$cache/promtool"
	mkdir "$cache/promtool"
	mv "$work/usr" "$cache/promtool/"
fi
printf '%s\n' "$tool"
