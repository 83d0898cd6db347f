#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The package in a clean Debian root: install, start, ask, upgrade with an edited configuration, remove, purge; nothing stays.
# The root has what the package depends on and nothing more: a dependency that is not declared, or declared and not in
# tests/lab/images.sh, fails here. The sensor runs in a network namespace of its own, without an engine.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/images.sh
. tests/lab/images.sh

T=/tmp/pg-package-$$
R=$T/root
n=0 failures=0
ok() { # NAME COMMAND...
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$T/out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		tail -c 1500 "$T/out" | cat -v | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}
sensor=
cleanup() {
	[ -z "$sensor" ] || { kill "$sensor" 2>/dev/null; wait "$sensor" 2>/dev/null; }
	ip netns del "pg-package-$$" 2>/dev/null
	[ -z "${root_holder:-}" ] || kill "$root_holder" 2>/dev/null
	rm -rf --one-file-system "$T"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
mkdir -p "$R" || exit 1

version=$(sed -n 's/.*PIERGLASS_VERSION "\(.*\)".*/\1/p' base/version.h)
ok "make deb" tools/deb.sh
deb=build/pierglass_${version}_amd64.deb
ok "the package is there" test -s "$deb"
image_build pg-plain && tar -x -C "$R" -f "$(image_file pg-plain)" || { echo "Bail out! no root file system"; exit 1; }
cp "$deb" "$T/first.deb"

# A process that keeps the root's mounts: a private mount namespace with /proc, /sys and the rest in place.
ip netns add "pg-package-$$" || exit 1
nsenter --net="/run/netns/pg-package-$$" unshare --mount sh -c '
	mount --make-rprivate / && mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount --rbind /sys "$1/sys" &&
	mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/run" && touch "$2" && exec sleep 600' - "$R" "$T/ready" &
root_holder=$!
for _ in $(seq 100); do [ -e "$T/ready" ] && break; sleep 0.05; done
inside() { nsenter --target "$root_holder" --net --mount chroot "$R" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
install_deb() { cp "$1" "$R/tmp/pierglass.deb" && inside dpkg -i /tmp/pierglass.deb; r=$?; rm -f "$R/tmp/pierglass.deb"; return $r; }
# Every file but what dpkg and the time itself leave behind.
files() { (cd "$R" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./var/lib/dpkg -o -path ./var/log -o \
	-path ./var/cache -o -path ./var/lib/systemd \) -prune -o ! -name '*-' ! -path ./etc/.pwd.lock -print | sort); }
start() {
	inside /usr/sbin/pierglassd >"$T/log" 2>&1 &
	sensor=$!
	local end=$((SECONDS + 30))
	while [ "$SECONDS" -lt "$end" ]; do inside pierglass status >/dev/null 2>&1 && return 0; sleep 0.1; done
	cat "$T/log"
	return 1
}
stop() {
	kill "$(cat "/proc/$root_holder/root$R/run/pierglass/pid")" && wait "$sensor"
	local r=$?
	sensor=
	return "$r"
}

files >"$T/before"
sort "$R/etc/passwd" "$R/etc/group" >"$T/users"
ok "installs, with nothing missing" install_deb "$T/first.deb"
ok "user and group are there" inside sh -c 'getent passwd pierglass && getent group pierglass'
ok "the unit is there and enabled" test -L "$R/etc/systemd/system/multi-user.target.wants/pierglassd.service"
ok "the programs start" inside sh -c 'pierglass --version && pierglassd --version'
ok "man pages are in it" eval 'dpkg -c "$deb" | grep -q "/usr/share/man/man1/pierglass.1.gz$"'
paged() {
	local c missing=0
	for c in $(build/pierglass help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ { print $1 }'); do
		grep -q "/usr/share/man/man1/pierglass-$c.1.gz$" <<<"$listed" || { echo "no page: $c"; missing=1; }
	done
	return $missing
}
listed=$(dpkg -c "$deb")
ok "a man page for each command" paged
ok "bash completes" inside bash -c '. /usr/share/bash-completion/completions/pierglass && complete -p pierglass'
ok "the sensor starts and answers" start
ok "doctor finds no fault" inside pierglass doctor
ok "doctor sees the running sensor" eval 'inside pierglass doctor --json | jq -e ".checks[] | select(.group == \"Sensor\" and .check == \"running\")"'
ok "core runs as the package's user" eval '[ "$(stat -c %u /proc/$(inside pierglass status --json | jq ".programs[] | select(.name == \"core\").pid"))" = "$(inside id -u pierglass)" ]'

ok "stops in order" stop
sed -i 's/^#node: .*/node: kept/' "$R/etc/pierglass/pierglass.yaml"
mkdir "$T/next" && dpkg-deb -R "$deb" "$T/next" && sed -i "s/^Version: .*/Version: $version+next/" "$T/next/DEBIAN/control" &&
	dpkg-deb --root-owner-group -Znone -b "$T/next" "$T/next.deb" >/dev/null
ok "upgrades" install_deb "$T/next.deb"
ok "an edited configuration is kept" grep -qx 'node: kept' "$R/etc/pierglass/pierglass.yaml"
ok "the new one starts on the old state" start
ok "with that configuration" eval '[ "$(inside pierglass status --json | jq -r .node)" = kept ]'

ok "removal stops a sensor that was started by hand" inside dpkg -r pierglass
wait "$sensor" 2>/dev/null
sensor=
ok "and leaves configuration and state" test -e "$R/etc/pierglass/pierglass.yaml" -a -d "$R/var/lib/pierglass"
ok "purges" inside dpkg -P pierglass
ok "no file is left" eval 'files >"$T/after"; diff "$T/before" "$T/after"'
ok "no user is left" eval 'sort "$R/etc/passwd" "$R/etc/group" | diff "$T/users" -'
ok "the run directory is gone" eval '! inside test -e /run/pierglass'
echo "1..$n"
[ "$failures" = 0 ]
