#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `make bench`: what the sensor costs, beside nothing attached, NFQUEUE for every packet, and libpcap + nDPI;
# and how fast `pierglass replay` reads captures, beside ndpiReader, softflowd and nfpcapd.
# Client and server stand in namespaces of their own behind a bridge, as the engine would build it; nothing of the
# machine's own network is touched, and everything made is removed. Writes build/bench.json.
# QUICK=1: 3 repetitions, IPv4 bridge only, within 50 s. Further knobs: BENCH_REPS, BENCH_REPS_MAX, BENCH_SECONDS,
# BENCH_VARIANTS=sensor,nfqueue,ndpireader, BENCH_BUILD=build. BENCH_PARTS=ipv4,latency,cost,syscall,memory,ipv6,vxlan,idle,start,events,replay,feeds,enforce,api
# (or BENCH_MEASURES=stream,stream1500,rr,conn,udp,flows of the first ones) measures only these, and adds them to what build/bench.json has: all at once take a quarter of an hour.
set -u
cd "$(dirname "$0")/.." || exit 1
if [ "$(id -u)" != 0 ]; then
	echo "bench: namespaces and eBPF need root (sudo make bench)" >&2
	exit 1
fi
for tool in python3 ip nsenter unshare ethtool bpftool iptables-nft ndpiReader; do
	if ! PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null; then
		echo "bench: $tool is missing; install what it needs: tools/deps.sh build test" >&2
		exit 1
	fi
done
export PATH=$PATH:/usr/sbin:/sbin
[ "${QUICK:-}" = 1 ] || tools/deps.sh bench || echo "bench: going on without what is missing" >&2
exec python3 tools/bench/bench.py
