#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `make deb`: builds build/pierglass_VERSION_amd64.deb from a copy of the sources (debian/), so that nothing is left in the tree.
set -eu
cd "$(dirname "$0")/.."
tools/deps.sh build package

nice make -s -j"$(nproc)" all
version=$(sed -n 's/.*PIERGLASS_VERSION "\(.*\)".*/\1/p' base/version.h)
work=build/deb
rm -rf "$work"
mkdir -p "$work/pierglass"
# What git would commit, or everything but outputs where this is no checkout (a release's tar file).
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git ls-files -z --cached --others --exclude-standard
else
	find . -type f ! -path './build*' -print0
fi | while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done | tar -c --null -T - | tar -x -C "$work/pierglass"
# What is built already, with its times: the package holds the programs that the tests ran.
tar -c --exclude=build/deb --exclude=build/fuzz --exclude=build/tests build | tar -x -C "$work/pierglass"

# Build dependencies are declared once, in tools/deps.sh.
depends=$(tools/deps.sh --list build | paste -sd, | sed 's/,/, /g')
sed -i "s/@BUILD@/$depends/" "$work/pierglass/debian/control"
sed -i "1s/(.*)/($version)/" "$work/pierglass/debian/changelog"
(cd "$work/pierglass" && nice dpkg-buildpackage --build=binary --no-pre-clean --no-sign --jobs="$(nproc)") >"$work/log" 2>&1 || {
	tail -n 20 "$work/log" >&2
	echo "deb: the package was not built; the whole log is $PWD/$work/log" >&2
	exit 1
}
mv "$work/pierglass_${version}_amd64.deb" build/
echo "build/pierglass_${version}_amd64.deb   (install with: apt install ./build/pierglass_${version}_amd64.deb)"
