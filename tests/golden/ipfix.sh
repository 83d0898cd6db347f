#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The sensor's IPFIX messages as others read them: nfcapd and nfdump (flows, bytes, addresses), tshark (every element, our own too,
# nothing malformed). What is sent is tests/unit/test_ipfix.c's: 20 flows, 5 of them IPv6, 5 never answered: 35 records.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s build/tests/unit/test_ipfix >&2 || { echo "not ok 1 - build"; exit 1; }
dir=$(mktemp -d /tmp/pgX-ipfix-XXXXXX)
collector=
cleanup() { [ -z "$collector" ] || kill "$collector" 2>/dev/null; wait; rm -rf "$dir"; }
trap cleanup EXIT
n=0 failures=0
ok() { # NAME COMMAND...
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$dir/out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		head -c 1500 "$dir/out" | cat -v | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}
mkdir "$dir/messages" "$dir/flows"
build/tests/unit/test_ipfix --write "$dir/messages" >"$dir/count" || echo 0 >"$dir/count"
port=$((20000 + $$ % 20000))
nfcapd -w "$dir/flows" -p "$port" -b 127.0.0.1 -t 60 >"$dir/nfcapd.log" 2>&1 &
collector=$!
# Sends all messages until the collector listens; then a capture file of the same datagrams for tshark.
python3 - "$dir/messages" "$port" "$dir/capture.pcap" <<'PY'
import glob, socket, struct, sys, time
messages = [open(p, "rb").read() for p in sorted(glob.glob(sys.argv[1] + "/*.ipfix"))]
end = time.monotonic() + 20
while time.monotonic() < end and ":%04X " % int(sys.argv[2]) not in open("/proc/net/udp").read() + open("/proc/net/udp6").read():
    time.sleep(0.05)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for m in messages:
    s.sendto(m, ("127.0.0.1", int(sys.argv[2])))
with open(sys.argv[3], "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    for m in messages:
        udp = struct.pack(">HHHH", 40000, 4739, 8 + len(m), 0) + m
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1") + udp
        f.write(struct.pack("<IIII", 1790000000, 0, len(ip), len(ip)) + ip)
PY
# Until its socket's queue is empty.
for _ in $(seq 100); do
	grep -q ":$(printf %04X "$port") .* 00000000:00000000 " /proc/net/udp && break
	sleep 0.05
done
kill -TERM "$collector"
wait "$collector"
collector=
nfdump -R "$dir/flows" -o csv -q >"$dir/flows.csv" 2>"$dir/nfdump.err"
nfdump -R "$dir/flows" -I >"$dir/sums" 2>>"$dir/nfdump.err"
ok "35 records were made" grep -qx 35 "$dir/count"
ok "nfdump: every record is a flow" eval 'grep -q "^Flows: 35$" "$dir/sums" || { cat "$dir/sums" "$dir/nfcapd.log"; false; }'
# 20 x 1234 to the server, 15 x 98765 back; 20 x 12 and 15 x 70 packets
ok "nfdump: bytes and packets, to the last one" eval 'grep -q "^Bytes: $((20 * 1234 + 15 * 98765))$" "$dir/sums" && grep -q "^Packets: $((20 * 12 + 15 * 70))$" "$dir/sums" || { cat "$dir/sums"; false; }'
ok "nfdump: addresses and ports of IPv4" eval 'grep -Eq "10\.0\.0\.1,10\.0\.0\.2,40000,3306,TCP" "$dir/flows.csv" && grep -Eq "10\.0\.0\.2,10\.0\.0\.1,3306,40000,TCP" "$dir/flows.csv" || { head -5 "$dir/flows.csv"; false; }'
ok "nfdump: and of IPv6" grep -Eq "2001:db8::1,2001:db8::2,40000,3306,TCP" "$dir/flows.csv"
tshark -r "$dir/capture.pcap" -d udp.port==4739,cflow -V >"$dir/tshark" 2>"$dir/tshark.err"
ok "tshark: nothing is malformed" eval '! grep -qi "malformed\|expert" "$dir/tshark" && grep -q "Version: 10" "$dir/tshark"'
counted() { [ "$(grep -c -- "$2" "$dir/tshark")" = "$1" ] || { grep -c -- "$2" "$dir/tshark"; false; }; }
ok "tshark: 35 flows" counted 35 ' Flow Id: '
ok "tshark: names of the protocol" counted 35 ' ApplicationName: MySQL'
ok "tshark: elements of our own: the client's workload, in both directions" counted 20 'Type 1: Value (hex bytes): 73 68 6f 70 2f 77 65 62$'
ok "tshark: ... what became of it" counted 35 'Type 8: Value (hex bytes): 61 6c 6c 6f 77$'
ok "tshark: which direction is which" counted 15 'Biflow Direction: ReverseInitiator'
echo "1..$n"
[ "$failures" = 0 ]
