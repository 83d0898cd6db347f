#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the Debian packages that are missing, and only these: tools/deps.sh [build|test|run|demo|package|bench]...  (default: build test)
# tools/deps.sh --list build prints the names of that set, a line each.
# Prints what it installs; silent when nothing is missing.
set -u

build_pkgs="gcc make libc6-dev clang-14 bpftool libbpf-dev libnftables-dev libnftnl-dev libmnl-dev
	libnetfilter-queue-dev libseccomp-dev libcap-ng-dev libuv1-dev libcurl4-openssl-dev libssl-dev libjansson-dev
	libsqlite3-dev libmaxminddb-dev libmicrohttpd-dev libfyaml-dev libndpi-dev libgcrypt20-dev libldns-dev libpcap-dev libexpat1-dev libarchive-dev libfixbuf-dev pkg-config uthash-dev libxxhash-dev libncurses-dev zlib1g-dev"
# What the tests use: harness, sanitisers and linters, traffic and measuring tools, the makers of test images.
test_pkgs="libcmocka-dev llvm-14 libclang-rt-14-dev cppcheck clang-tidy-14 shellcheck jq git iproute2 iputils-ping iptables nftables procps
	util-linux ethtool curl netcat-openbsd python3 python3-jsonschema sqlite3 mmdebstrap docker-compose libndpi-bin tshark tcpdump busybox-static
	dnsmasq-base nfdump graphviz zsh zstd openssl debhelper dpkg-dev chromium"
# What `make demo` needs beside the build's.
demo_pkgs="docker-compose mmdebstrap jq iproute2 iptables curl graphviz procps util-linux ca-certificates"
# What `make bench` measures replay beside.
bench_pkgs="libndpi-bin softflowd nfdump"
# What running needs beyond what building brings: an engine, see engine_missing().
run_pkgs="ca-certificates"
# What `make deb` needs beside the build's.
package_pkgs="debhelper dpkg-dev git"

say() { printf 'deps: %s\n' "$*"; }
die() { printf 'deps: %s\n' "$*" >&2; exit 1; }

pkg_installed() {
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# docker.io conflicts with docker-ce and others: an engine of any make is left alone.
engine_missing() {
	local p
	for p in docker.io docker-ce docker-engine moby-engine podman-docker; do
		pkg_installed "$p" && return 1
	done
	! command -v dockerd >/dev/null && ! [ -x /usr/sbin/dockerd ] && ! [ -S /var/run/docker.sock ]
}

if [ "${1:-}" = --list ] && [ "${2:-}" = build ]; then
	# shellcheck disable=SC2086 # a list of words
	printf '%s\n' $build_pkgs
	exit 0
fi
wanted=
[ $# -gt 0 ] || set -- build test
for set_name; do
	case $set_name in
	build) wanted="$wanted $build_pkgs" ;;
	test) wanted="$wanted $test_pkgs"; engine_missing && wanted="$wanted docker.io" ;;
	run) wanted="$wanted $run_pkgs"; engine_missing && wanted="$wanted docker.io" ;;
	demo) wanted="$wanted $demo_pkgs"; engine_missing && wanted="$wanted docker.io" ;;
	bench) wanted="$wanted $bench_pkgs" ;;
	package) wanted="$wanted $package_pkgs" ;;
	*) printf 'usage: tools/deps.sh [build|test|run|demo|package|bench]...\n' >&2; exit 2 ;;
	esac
done

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
	die "this is no Debian system (no apt-get): install these yourself, by your distribution's names: ${wanted//[[:space:]]/ }"

missing=
for p in $wanted; do
	case " $missing " in *" $p "*) continue ;; esac
	pkg_installed "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

[ "$(id -u)" = 0 ] || die "not root, cannot install; run: sudo apt-get install --no-install-recommends$missing"
say "installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
apt() { apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 -qq "$@" >>"$log" 2>&1; }

# Lists may be absent or older than what the mirror still has: update once, then once more try.
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends $missing && exit 0
if ! apt update; then
	tail -n 5 "$log" >&2
	die "'apt-get update' failed: is there a network, and is /etc/apt/sources.list right?"
fi
# shellcheck disable=SC2086
if ! apt install -y --no-install-recommends $missing; then
	grep -E '^(E|W):' "$log" | tail -n 8 >&2
	die "'apt-get install' failed on $(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-this system}"); these packages are Debian 12's:$missing"
fi
