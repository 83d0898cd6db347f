#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the repository's own captures: tools/gen/captures.py DIRECTORY

Small, made from nothing, the same bytes each time. tests/golden/replay.sh holds what `pierglass replay` says of them against
tests/golden/replay/; they are also the seeds of tests/fuzz/fuzz_replay.c. Each function below is one capture.
"""
import os
import socket
import struct
import sys

import quic

T0 = 1_700_000_000_000_000_000  # ns
MAC_A, MAC_B = bytes.fromhex("02420a000001"), bytes.fromhex("02420a000002")
HTTP_GET = b"GET /index.html HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: gen/1\r\n\r\n"
HTTP_OK = b"HTTP/1.1 200 OK\r\nServer: gen\r\nContent-Length: 5\r\n\r\nhello"
SSH_A, SSH_B = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", b"SSH-2.0-Go\r\n"
REDIS_A, REDIS_B = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n", b"+OK\r\n"


# ---- layers -------------------------------------------------------------------------------------------------
def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    s = (s & 0xffff) + (s >> 16)
    return ~(s + (s >> 16)) & 0xffff


def ip4(proto, payload, src="10.0.0.1", dst="10.0.0.2", ident=1, off=0, more=False, total=None):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, total or 20 + len(payload), ident, (0x2000 if more else 0) | off // 8, 64, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(proto, payload, src="fd00::1", dst="fd00::2"):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + socket.inet_pton(socket.AF_INET6, src) + \
        socket.inet_pton(socket.AF_INET6, dst) + payload


def frag6(proto, payload, ident, off, more):
    return struct.pack("!BBHI", proto, 0, off | more, ident) + payload


def udp(sport, dport, payload):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def tcp(sport, dport, seq, ack, flags, payload=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + payload


def ether(payload, kind=None, src=MAC_A, dst=MAC_B, tags=()):
    kind = kind or (0x0800 if payload[0] >> 4 == 4 else 0x86dd)
    out = dst + src
    for tpid, vid in tags:
        out += struct.pack("!HH", tpid, vid)
    return out + struct.pack("!H", kind) + payload


def vxlan(vni, frame, flags=8):
    return struct.pack("!BBHI", flags, 0, 0, vni << 8) + frame


def geneve(vni, frame, kind=0x6558, options=b""):
    return struct.pack("!BBHI", len(options) // 4, 0, kind, vni << 8) + options + frame


def dns(name, answer=None, ident=7):
    q = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack("!HH", 1, 1)
    head = struct.pack("!HHHHHH", ident, 0x8180 if answer else 0x0100, 1, 1 if answer else 0, 0, 0)
    return head + q + (struct.pack("!HHHIH", 0xc00c, 1, 1, 60, 4) + socket.inet_aton(answer) if answer else b"")


def client_hello(name):
    sni = struct.pack("!HHBH", len(name) + 5, len(name) + 3, 0, len(name)) + name.encode()
    ext = struct.pack("!H", 0) + sni + struct.pack("!HHBBB", 43, 3, 2, 3, 4)
    body = b"\3\3" + bytes(range(32)) + b"\0" + struct.pack("!HHH", 4, 0x1301, 0x1302) + b"\1\0" + struct.pack("!H", len(ext)) + ext
    hello = b"\1" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack("!H", len(hello)) + hello


class Talk:
    """A TCP connection as a list of IP packets."""

    def __init__(self, src="10.0.0.1", dst="10.0.0.2", sport=40000, dport=80, version=4):
        self.ends = ((src, sport), (dst, dport))
        self.version = version
        self.seq = [1000, 9000]
        self.packets = []
        self.send(0, b"", 2)
        self.send(1, b"", 18)
        self.send(0, b"", 16)

    def packet(self, who, flags, payload, seq):
        (src, sport), (dst, dport) = self.ends[who], self.ends[not who]
        segment = tcp(sport, dport, seq, self.seq[not who], flags, payload)
        return ip4(6, segment, src, dst) if self.version == 4 else ip6(6, segment, src, dst)

    def send(self, who, payload, flags=24, size=None):
        step = size or len(payload) or 1
        for i in range(0, max(len(payload), 1), step):
            piece = payload[i:i + step]
            self.packets.append(self.packet(who, flags, piece, self.seq[who]))
            self.seq[who] += len(piece) + (flags & 3 > 0)
        return self

    def end(self):
        return self.send(0, b"", 17).send(1, b"", 17).send(0, b"", 16).packets


def http(size=None, **ends):
    return Talk(**ends).send(0, HTTP_GET, size=size).send(1, HTTP_OK, size=size).end()


def ask(name, answer, src="10.0.0.1", dst="10.0.0.3", sport=5555):
    return [ip4(17, udp(sport, 53, dns(name)), src, dst), ip4(17, udp(53, sport, dns(name, answer)), dst, src)]


# ---- files ----------------------------------------------------------------------------------------------------
def pcap(frames, link=1, order="<", nano=False, snap=65535, step=1_000_000, magic=None, start=T0):
    out = struct.pack(order + "IHHiIII", magic or (0xa1b23c4d if nano else 0xa1b2c3d4), 2, 4, 0, 0, snap, link)
    for i, f in enumerate(frames):
        t = start + i * step + (123 if nano else 0)
        cut = f[:snap]
        out += struct.pack(order + "IIII", t // 10**9, t % 10**9 // (1 if nano else 1000), len(cut), len(f))
        out += bytes(8) if magic == 0xa1b2cd34 else b""
        out += cut
    return out


def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def section(order="<"):
    return block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1), order)


def option(code, value, order="<"):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(link, options=b"", order="<", snap=0):
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options + (option(0, b"", order) if options else b""), order)


def enhanced(iface, ticks, data, order="<", wire=None):
    return block(6, struct.pack(order + "IIIII", iface, ticks >> 32, ticks & 0xffffffff, len(data), wire or len(data)) + data +
                 bytes(-len(data) % 4), order)


# ---- captures ---------------------------------------------------------------------------------------------------
def ethernet():
    other = Talk(dport=6379, sport=40001).send(0, REDIS_A).send(1, REDIS_B).end()
    tls = Talk(dport=443, sport=40002).send(0, client_hello("api.example")).packets
    arp = ether(bytes(28), 0x0806)
    return pcap([ether(p) for p in http() + other + tls + ask("shop.example", "10.0.0.2")] + [arp])


def one_byte_segments():
    ssh = Talk(dport=2222, sport=41000).send(1, SSH_A, size=1).send(0, SSH_B, size=1).packets
    return pcap([ether(p) for p in http(size=1) + ssh + http(size=1, src="fd00::1", dst="fd00::2", version=6)], step=2_000_000)


def reordered():
    t = http(size=7)
    t[3:12] = t[11:2:-1]
    return pcap([ether(p) for p in t + t[4:6]])


def vlans():
    inner = http()
    frames = [ether(p, tags=[(0x8100, 10)]) for p in inner] + [ether(p, tags=[(0x88a8, 5), (0x8100, 10)]) for p in inner]
    frames += [ether(p, tags=[(0x9100, 1), (0x8100, 2), (0x8100, 3)]) for p in inner]
    return pcap(frames)


def in_vxlan(vni, packets, outer=ip4, port=4789, src="192.0.2.1", dst="192.0.2.2", **kw):
    if outer is ip6:
        src, dst = "2001:db8::1", "2001:db8::2"
    return [ether(outer(17, udp(50000, port, vxlan(vni, ether(p, **kw))), src, dst)) for p in packets]


def overlays():
    frames = in_vxlan(4097, http()) + in_vxlan(4098, http()) + in_vxlan(4099, http(), outer=ip6)
    frames += in_vxlan(4100, http(src="fd00::1", dst="fd00::2", version=6), tags=[(0x8100, 7)]) + in_vxlan(4101, http(), port=7000)
    frames += [ether(ip4(17, udp(50000, 6081, geneve(55, ether(p), options=bytes(8))))) for p in http()]
    return pcap(frames)


def deep():
    frames = []
    for depth in range(1, 7):
        f = ether(http(sport=42000 + depth)[3])
        for i in range(depth):
            f = ether(ip4(17, udp(50000, 4789, vxlan(100 + i, f)), "192.0.2.1", "192.0.2.2"))
        frames.append(f)
    return pcap(frames)


def tunnels():
    gre = [ether(ip4(47, struct.pack("!HHI", 0x2000, 0x0800, 9) + p, "192.0.2.1", "192.0.2.2")) for p in http()]
    gretap = [ether(ip4(47, struct.pack("!HH", 0, 0x6558) + ether(p), "192.0.2.1", "192.0.2.2")) for p in http(sport=40003)]
    ipip = [ether(ip4(4, p, "192.0.2.1", "192.0.2.2")) for p in http(sport=40004)]
    sixin4 = [ether(ip4(41, p, "192.0.2.1", "192.0.2.2")) for p in http(src="fd00::1", dst="fd00::2", version=6)]
    mpls = [ether(struct.pack("!II", 0x00010040, 0x00020140) + p, 0x8847) for p in http(sport=40005)]
    pppoe = [ether(struct.pack("!BBHHH", 0x11, 0, 1, len(p) + 2, 0x21) + p, 0x8864) for p in http(sport=40006)]
    other = [ether(ip4(47, struct.pack("!HH", 0, 0x1234) + b"xxxx", "192.0.2.1", "192.0.2.2"))]
    return pcap(gre + gretap + ipip + sixin4 + mpls + pppoe + other)


def pieces(payload, size, ident=77, proto=17, **ends):
    return [ip4(proto, payload[i:i + size], ident=ident, off=i, more=i + size < len(payload), **ends)
            for i in range(0, len(payload), size)]


def fragments():
    answer = udp(53, 5555, dns("a.long.name.of.a.host.shop.example", "10.9.9.9"))
    question = ip4(17, udp(5555, 53, dns("a.long.name.of.a.host.shop.example")))
    back = {"src": "10.0.0.2", "dst": "10.0.0.1"}
    whole = [question] + pieces(answer, 24, **back)[::-1]
    six = udp(53, 5555, dns("six.example", "10.9.9.9"))
    whole += [ip6(44, frag6(17, six[i:i + 16], 5, i, i + 16 < len(six)), "fd00::2", "fd00::1") for i in range(0, len(six), 16)]
    no_first = pieces(answer, 24, ident=78, src="10.0.0.9", dst="10.0.0.1")[1:]
    no_last = pieces(answer, 24, ident=79, src="10.0.0.8", dst="10.0.0.1")[:-1]
    overlap = pieces(answer, 24, ident=80, src="10.0.0.7", dst="10.0.0.1")
    overlap.insert(1, ip4(17, b"X" * 24, ident=80, off=0, more=True, src="10.0.0.7", dst="10.0.0.1"))
    outer = udp(50000, 4789, vxlan(4097, ether(Talk(sport=43000).send(0, HTTP_GET).packets[3])))
    return pcap([ether(p) for p in whole + no_first + no_last + overlap + pieces(outer, 64, ident=81, src="192.0.2.1", dst="192.0.2.2")])


def cut():
    frames = [ether(p) for p in http()] + in_vxlan(4097, http()) + [ether(ip4(17, udp(9, 9, b"")))[:38]]
    return pcap(frames, snap=64)


def file_ends():
    return pcap([ether(p) for p in http()])[:-11]


def file_damaged():
    good = pcap([ether(p) for p in http()])
    return good + struct.pack("<IIII", 1, 2, 0x7fffffff, 60) + bytes(60)


def malformed():
    good = http()[3]
    frames = [ether(good[:16]), ether(b"\x41" + good[1:]), ether(good[:2] + b"\xff\xff" + good[4:]), ether(good[:32] + b"\x10" + good[33:]),
              ether(ip6(0, b"\x06\xff" + bytes(6))), b"\1\2\3", b"", ether(ip4(17, b"\0\1")), ether(ip4(1, b"\x08"))]
    return pcap(frames + [ether(p) for p in http(sport=40009)])


def big_endian():
    return pcap([ether(p) for p in http()], order=">")


def nanoseconds():
    return pcap([ether(p) for p in http()], nano=True, step=1001)


def modified():
    return pcap([ether(p) for p in http()], magic=0xa1b2cd34)


def link_null():
    return pcap([struct.pack("<I", 2) + p for p in http()] + [struct.pack("<I", 30) + p for p in
                                                             http(src="fd00::1", dst="fd00::2", version=6)], link=0)


def link_raw():
    return pcap(http() + http(src="fd00::1", dst="fd00::2", version=6), link=101)


def link_sll2():
    return pcap([struct.pack("!HHIHBB8s", 0x0800, 0, 3, 1, 0, 6, MAC_A + b"\0\0") + p for p in http()], link=276)


def link_ppp():
    return pcap([b"\xff\x03\0\x21" + p for p in http()] + [b"\x0f\0\x08\0" + p for p in http(sport=40001)] +
                [b"\xff\x03\xc0\x21" + bytes(8)], link=50)


def link_80211():
    head = b"\x88\x02" + bytes(22) + b"\0\0" + b"\xaa\xaa\3\0\0\0\x08\0"
    return pcap([b"\0\0\x08\0\0\0\0\0" + head + p for p in http()] + [b"\0\0\x08\0\0\0\0\0\x80\0" + bytes(30)], link=127)


def link_nflog():
    return pcap([b"\2\0\0\0" + struct.pack("<HH", 8, 1) + bytes(4) + struct.pack("<HH", 4 + len(p), 9) + p for p in http()], link=239)


def snap(p, kind=0x0800):
    return b"\xaa\xaa\3\0\0\0" + struct.pack("!H", kind) + p


def link_llc():
    """Ethernet with a length instead of a type: SNAP is looked into, the rest is not IP."""
    other = [ether(b"\x42\x42\3" + bytes(35), 38), ether(b"\xaa\xaa\3\0\0\x0c" + bytes(30), 36), ether(b"\1\2", 2)]
    return pcap([ether(snap(p), len(p) + 8) for p in http()] + other)


def link_slip():
    return pcap([bytes(16) + p for p in http()], link=8)


def link_frelay():
    frames = [b"\x18\x41\3\xcc" + p for p in http()] + [b"\x18\x41\3\0\xcc" + p for p in http(sport=40001)]
    frames += [b"\x18\x41\3\x80\0\0\0\x08\0" + p for p in http(sport=40002)]
    return pcap(frames + [b"\x18\x41\3\xb1x", b"\0\0\0", b"\x18\x41\3\0", b"\x18\x41\3\x80\0"], link=107)


def link_atm():
    return pcap([bytes(4) + snap(p) for p in http()] + [bytes(2)], link=123)


def link_rfc1483():
    return pcap([snap(p) for p in http()], link=11)


def link_ppi():
    def ppi(link, frame):
        return struct.pack("<BBHI", 0, 0, 8, link) + frame

    wlan = b"\x08\x03" + bytes(28)
    frames = [ppi(1, ether(p)) for p in http()] + [ppi(105, wlan + snap(p)) for p in http(sport=40001)]
    return pcap(frames + [ppi(9, b"x"), ppi(1, b"x"), b"\0\0\2\0\0\0\0\0", b"\0"], link=192)


def link_wlan():
    """802.11: to and from a distribution system, with QoS, with HT control; protected and empty frames are not IP."""
    frames = [b"\x08\x01" + bytes(22) + snap(p) for p in http()] + [b"\x88\x83" + bytes(28) + bytes(6) + snap(p) for p in http(sport=40001)]
    return pcap(frames + [b"\x08\x41" + bytes(40), b"\x48\1" + bytes(40), b"\x08\1" + bytes(4), b"\x88\3" + bytes(22)], link=105)


def link_ppp_kinds():
    frames = [b"\0\0\x21" + p for p in http()] + [b"\1\x21" + p for p in http(sport=40001)] + [b"\1\0", b"\1\xff\x03", b"\1"]
    return pcap(frames, link=204)


def link_pppoe():
    return pcap([struct.pack("!BBHHH", 0x11, 0, 1, len(p) + 2, 0x21) + p for p in http()] +
                [struct.pack("!BBHHH", 0x11, 0xa7, 1, 2, 0x21) + b"x", b"\x11\0"], link=51)


def link_nflog_big():
    head = b"\2\0\0\0"
    frames = [head + struct.pack(">HH", 5, 1) + bytes(4) + struct.pack(">HH", 4 + len(p), 9) + p for p in http()]
    return pcap(frames + [head, head + b"\0\0\0\0", b"\x07\0\0\0" + struct.pack("<HH", 8, 9) + bytes(4), head + struct.pack("<HH", 99, 1)],
                link=239)


def labels():
    """MPLS: a stack, a pseudo-wire with Ethernet inside, no bottom, something that is no IP."""
    a, b = struct.pack("!I", 0x00010040), struct.pack("!I", 0x00020140)
    frames = [ether(a * 3 + b + p, 0x8848) for p in http()] + [ether(b + bytes(4) + ether(p), 0x8847) for p in http(sport=40001)]
    return pcap(frames + [ether(a * 12, 0x8847), ether(b + b"\xf0" + bytes(30), 0x8847), ether(b, 0x8847), ether(a, 0x8847),
                          ether(b + bytes(6), 0x8847)])


def erspan():
    def gre(kind, flags, rest):
        return ether(ip4(47, struct.pack("!HH", flags, kind) + rest, "192.0.2.1", "192.0.2.2"))

    one = [gre(0x88be, 0, ether(p)) for p in http()]
    two = [gre(0x88be, 0x1000, bytes(4) + b"\x10\1" + bytes(6) + ether(p)) for p in http(sport=40001)]
    three = [gre(0x22eb, 0x1000, bytes(4) + b"\x20\1" + bytes(10) + ether(p)) for p in http(sport=40002)]
    more = [gre(0x22eb, 0x1000, bytes(4) + b"\x20\1" + bytes(9) + b"\1" + bytes(8) + ether(p)) for p in http(sport=40003)]
    odd = [gre(0x0800, 0x4000, bytes(8)), gre(0x0800, 1, bytes(8)), gre(0x22eb, 0x1000, bytes(15) + b"\1"), gre(0x6558, 0xb000, b"")]
    return pcap(one + two + three + more + odd)


def blocks():
    """pcapng: what a reader passes over, or gives up at."""
    p = ether(http()[3])
    out = section() + block(6, bytes(20) + b"no interface yet") + block(1, b"\1\0") + interface(1, option(9, b"\x06") + b"\x02\0\xff\xff")
    out += block(2, struct.pack("<HHIIII", 0, 0xffff, T0 // 1000 >> 32, T0 // 1000 & 0xffffffff, len(p), len(p)) + p)
    out += block(6, struct.pack("<IIIII", 0, 0, 0, 4000, 4000) + p) + block(6, b"short") + block(3, struct.pack("<I", len(p)) + p)
    return out + enhanced(0, T0 // 1000, p) + struct.pack("<II", 6, 13) + bytes(20)


def block_too_long():
    p = ether(http()[3])
    return section() + interface(1) + enhanced(0, T0 // 1000, p) + struct.pack("<II", 6, 0x7ffffffc) + bytes(40)


def section_broken():
    p = ether(http()[3])
    return section() + interface(1) + enhanced(0, T0 // 1000, p) + struct.pack("<IIII", 0x0a0d0d0a, 28, 0x12345678, 1) + bytes(16)


def link_unknown():
    return pcap([bytes(40)] * 3, link=147)


def link_more():
    """pcapng: one interface of each further link type; on Ethernet the further headers before IP, and lengths of 0."""
    def kind(p):
        return b"\x08\0" if p[0] >> 4 == 4 else b"\x86\xdd"

    def wifi(p):
        return b"\x08\2\0\0" + MAC_B + MAC_A + MAC_A + b"\0\0\xaa\xaa\3\0\0\0" + kind(p) + p

    def llc(p):
        return b"\xaa\xaa\3\0\0\0" + kind(p) + p

    def marked(tag):
        return lambda p: MAC_B + MAC_A + tag + kind(p) + p

    def pktap(dlt):
        return struct.pack("<III", 108, 1, dlt) + bytes(96)

    def number(p, v4, v6):
        return v4 if p[0] >> 4 == 4 else v6

    def gpe(inner, what):
        return ether(ip4(17, udp(5000, 4790, b"\x0c\0\0" + bytes([what]) + b"\0\0\7\0" + inner), "192.0.2.1", "192.0.2.2"))

    preamble = b"\x55" * 7 + b"\xd5"
    links = [
        (6, lambda p: b"\x10\x40" + MAC_B + MAC_A + llc(p)),
        (6, lambda p: b"\x10\x40" + MAC_B + b"\x82" + MAC_A[1:] + b"\6\x30\0\1\0\2" + llc(p)),
        (10, lambda p: b"\x50" + MAC_B + MAC_A + llc(p)),
        (122, lambda p: b"\x10\0" + MAC_B + b"\x10\0" + MAC_A + llc(p)),
        (109, lambda p: struct.pack("<I", number(p, 2, 24)) + bytes(8) + p),
        (117, lambda p: bytes([61, number(p, 2, 24), 0, 0]) + bytes(60) + p),
        (119, lambda p: struct.pack("<II", 0x44, 144) + bytes(136) + wifi(p)),
        (163, lambda p: struct.pack("!II", 0x80211001, 64) + bytes(56) + wifi(p)),
        (138, lambda p: bytes(16) + kind(p) + p),
        (197, lambda p: bytes(8) + b"\2\4" + bytes(8) + ether(p)),
        (197, lambda p: bytes(8) + b"\x82\4" + bytes(6) + b"\x83" + bytes(7) + b"\3" + bytes(9) + ether(p)),
        (197, lambda p: bytes(8) + bytes([number(p, 22, 23)]) + bytes(7) + p),
        (219, lambda p: b"\0\1\0\x40\0\2\1\x40" + p),
        (226, lambda p: bytes([1, number(p, 2, 26)]) + bytes(22) + p),
        (240, lambda p: bytes(4) + ether(p) + bytes(4)),
        (241, lambda p: bytes(4) + preamble + ether(p) + bytes(4)),
        (242, lambda p: bytes(40) + kind(p) + b"\0\0" + p),
        (258, lambda p: pktap(1) + ether(p)),
        (258, lambda p: pktap(12) + p),
        (258, lambda p: pktap(0) + struct.pack("<I", number(p, 2, 30)) + p),
        (258, lambda p: pktap(127) + b"\0\0\x08\0" + bytes(4) + wifi(p)),
        (258, lambda p: pktap(147) + p),
        (274, lambda p: preamble + ether(p) + bytes(4)),
        (281, marked(b"\x20\0\0\1")),
        (282, lambda p: b"\x20\0\0\1" + ether(p)),
        (284, marked(b"\xc0\x08\0\0")),
        (285, marked(b"\xda\xda\0\0\xc0\x08\0\0")),
        (1, lambda p: ether(b"\x0f\xc6\1" + bytes([number(p, 1, 2)]) + bytes(20) + p, 0x894f)),
        (1, lambda p: ether(b"\x0f\xc6\1\3" + bytes(20) + ether(p), 0x894f)),
        (1, lambda p: ether(b"\x0f\xc0\1\1" + p, 0x894f)),
        (1, lambda p: ether(b"\0\0\0\5" + ether(p), 0x88e7)),
        (1, lambda p: ether(b"\0\1\0\2" + kind(p) + p, 0x8926)),
        (1, lambda p: ether(b"\0\1\0\2\0\3" + kind(p) + p, 0x893f)),
        (1, lambda p: ether(ip4(47, b"\0\0\x88\x47\0\1\1\x40" + p, "192.0.2.1", "192.0.2.2"))),
        (1, lambda p: gpe(p, number(p, 1, 2))),
        (1, lambda p: gpe(ether(p), 3)),
        (1, lambda p: ether(p[:2] + b"\0\0" + p[4:] if p[0] >> 4 == 4 else p)),
    ]
    out, blocks = section(), b""
    for i, (link, dress) in enumerate(links):
        out += interface(link)
        for n, p in enumerate(http(sport=40000 + i) + http(sport=40000 + i, src="fd00::1", dst="fd00::2", version=6)):
            blocks += enhanced(i, T0 // 1000 + i * 1000 + n, dress(p))
    return out + blocks


def interfaces():
    """pcapng: interfaces of four link types and time resolutions in one section, then a big-endian section."""
    ns = option(9, b"\x09") + option(2, b"eth0")
    two = option(9, bytes([0x80 | 20]))
    off = option(14, struct.pack("<q", 1_600_000_000))
    out = section() + interface(1, ns) + interface(101) + interface(113, two) + interface(1, off) + block(0x0bad, b"unknown")
    a, b = http(), http(sport=40001)
    for i, p in enumerate(a):
        t = T0 + i * 1_000_003
        out += enhanced(i % 2, t if i % 2 == 0 else t // 1000, ether(p) if i % 2 == 0 else p)
    for i, p in enumerate(b):
        t = T0 + i * 1_000_000
        out += enhanced(2, t * 2**20 // 10**9, struct.pack("!HHH8sH", 0, 1, 6, MAC_A + b"\0\0", 0x0800) + p)
    out += enhanced(3, (T0 - 1_600_000_000 * 10**9) // 1000, ether(ask("late.example", "10.0.0.5")[0]))
    out += enhanced(9, 0, b"nobody described this interface")
    out += block(5, bytes(12)) + section(">") + interface(1, order=">")
    for i, p in enumerate(http(sport=40002)):
        out += enhanced(0, (T0 + i * 1_000_000) // 1000, ether(p), order=">")
    return out + block(3, struct.pack(">I", len(ether(a[0]))) + ether(a[0]), ">")


def merge_a():
    return pcap([ether(p) for p in Talk().send(0, HTTP_GET).packets], step=10_000_000)


def merge_b():
    """The server's side of merge_a, later on."""
    talk = Talk()
    talk.packets = []
    talk.send(0, HTTP_GET)
    talk.packets = []
    talk.send(1, HTTP_OK)
    return pcap([ether(p, src=MAC_B, dst=MAC_A) for p in talk.packets], start=T0 + 25_000_000)


# ---- protocols: services, and what they say about themselves ------------------------------------------------------
def talk(*said, sport=40000, dport=80):
    """One connection: bytes of the client, str of the server (Latin-1), in turn."""
    t = Talk(sport=sport, dport=dport)
    for s in said:
        t.send(isinstance(s, str), s.encode("latin-1") if isinstance(s, str) else s)
    return t.end()


def h2(kind, flags, stream, body=b""):
    return struct.pack("!I", len(body))[1:] + struct.pack("!BBI", kind, flags, stream) + body


def literal(name, value, index=0x40):
    return bytes([index, len(name)]) + name + bytes([len(value)]) + value


def grpc(path, agent=b"grpc-c/1.50"):
    head = b"\x83\x86\x44" + bytes([len(path)]) + path + b"\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff" + \
        literal(b"content-type", b"application/grpc") + b"\x7a" + bytes([len(agent)]) + agent
    first, rest = head[:20], head[20:]
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2(4, 0, 0, b"\0\3\0\0\0\x64") + h2(8, 0, 0, b"\0\1\0\0") + \
        h2(1, 0x28, 1, b"\2" + bytes(5) + first + b"\0\0") + h2(9, 4, 1, rest) + h2(0, 1, 1, bytes(5))


H2_ANSWER = (h2(4, 0, 0, b"") + h2(4, 1, 0) + h2(1, 4, 1, b"\x88" + literal(b"content-type", b"application/grpc") + b"\x76\x03gen")).decode("latin-1")


def json_answer(body, *fields):
    return "".join(["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", *(f + "\r\n" for f in fields),
                    f"Content-Length: {len(body)}\r\n\r\n", body])


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: node.example:9200\r\nUser-Agent: gen/1\r\n\r\n".encode()


def services():
    """What runs over HTTP and HTTP/2, miners, brokers, databases: each once."""
    amqp = b"\0\x0a\0\x0a\0\x09\0\0\0\x2c\7productS\0\0\0\x08RabbitMQ\7versionS\0\0\0\x063.10.8\0\0\0\5PLAIN"
    hello = b"\x26\0\0\0\2\0\0\0\1\0\0\0\xdd\7\0\0\0\0\0\0\0\x1b\0\0\0\x10maxWireVersion\0\x11\0\0\0\0"
    build = b"\0\0\0\0\2\0\0\0\1\0\0\0\xdd\7\0\0\0\0\0\0\0\x17\0\0\0\2version\0\6\0\0\0" + b"7.0.5\0\0"
    ask = b"\x29\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x14\0\0\0\x10hello\0\1\0\0\0\0xxxx"
    talks = [
        (50051, grpc(b"/shop.v1.Cart/Add"), H2_ANSWER),
        (2379, grpc(b"/etcdserverpb.KV/Range"), H2_ANSWER),
        (50052, H2_ANSWER),
        (2379, get("/v2/keys/a"), json_answer('{"action":"get"}', "X-Etcd-Index: 7")),
        (2379, get("/version"), json_answer('{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}')),
        (9200, get("/"), json_answer('{"name":"n","cluster_name":"c","version":{"number":"8.11.1","lucene_version":"9.8.0"}}',
                                     "X-elastic-product: Elasticsearch")),
        (9200, get("/"), json_answer('{"name":"n","version":{"distribution":"opensearch","number":"2.11.0","lucene_version":"9.7.0"}}')),
        (9200, get("/shop/_search?q=a"), json_answer('{"took":3,"timed_out":false,"_shards":{"total":1},"hits":{}}')),
        (9200, get("/"), json_answer('{"couchdb":"Welcome","version":"3.2"}')),
        (9300, b"ES" + struct.pack("!IQBI", 40, 1, 8, 7100299) + bytes(23), "ES" + "\0\0\0\x14\0\0\0\0\0\0\0\1\x09\0\x6c\x56\x4b" + "\0" * 7),
        (3333, b'{"id": 1, "method": "mining.subscribe", "params": ["gen/1"]}\n', '{"id":1,"result":[[["mining.notify","ae"]],"08",4],"error":null}\n'),
        (4444, b'{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4A","pass":"x","agent":"XMRig/6"}}\n',
         '{"id":1,"jsonrpc":"2.0","error":null,"result":{"id":"1","job":{"blob":"07","job_id":"a","target":"b8"},"status":"OK"}}\n'),
        (9000, b"\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0", "\1\6\0\1\0\x18\0\0Status: 200 OK\r\n\r\nhello."),
        (9000, b"\0\x11ClickHouse client\x16\3\xb1\xa9\3\0\7default\0", "\0\x0aClickHouse\x17\x08\xb1\xa9\3"),
        (5672, b"AMQP\0\0\x09\1", (b"\1\0\0" + struct.pack("!I", len(amqp)) + amqp + b"\xce").decode("latin-1")),
        (4222, 'INFO {"server_id":"NA","version":"2.9.10","proto":1}\r\n', b'CONNECT {"verbose":false}\r\n'),
        (27017, ask, hello.decode("latin-1")),
        (27017, ask, (struct.pack("<I", len(build)) + build[4:]).decode("latin-1")),
        (6379, b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n", "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.1\r\n"),
        (2181, b"srvr\n", "Zookeeper version: 3.8.0-5a02a05, built on 2022-02-25\nLatency min/avg/max: 0\n"),
        (11211, b"version\r\n", "VERSION 1.6.18\r\n"),
        (3306, "\x46\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff\xff\2\0\xff\xdf\x15" + "\0" * 10 + "ijklmnopqrst\0caching_sha2_pass\0"),
        (5432, b"\0\0\0\x1d\0\3\0\0user\0app\0database\0wp\0\0", "R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\x0015.8\0"),
        (7777, bytes(range(7, 255, 5)), bytes((i * 167 + 13) % 256 for i in range(200)).decode("latin-1")),
        (7778, b"hail, strange server\n", "hail\n"),
    ]
    frames = []
    for i, (port, *said) in enumerate(talks):
        frames += [ether(p) for p in talk(*said, sport=40000 + i, dport=port)]
    return pcap(frames, step=100_000)


def der(tag, *parts):
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else b"\x82" + struct.pack("!H", len(body))
    return bytes([tag]) + size + body


def name(**parts):
    oids = {"CN": b"\x55\4\3", "O": b"\x55\4\x0a", "C": b"\x55\4\6"}
    return der(0x30, *(der(0x31, der(0x30, der(6, oids[k]), der(0x0c, v.encode()))) for k, v in parts.items()))


def server_flight(version=0x0303, split=0):
    """ServerHello, Certificate, ServerHelloDone; in records of `split` bytes."""
    times = der(0x30, der(0x17, b"230101000000Z"), der(0x17, b"330101000000Z"))
    tbs = der(0x30, der(0xa0, der(2, b"\2")), der(2, b"\x12\x34"), der(0x30, der(6, b"\x2a\3")), name(O="Gen CA", CN="Gen Root"), times,
              name(C="XX", O="Shop", CN="shop.example"), bytes(300))
    cert = der(0x30, tbs)
    chain = struct.pack("!I", len(cert))[1:] + cert
    hello = struct.pack("!H", version) + bytes(range(32)) + b"\0\xc0\x2f\0" + b"\0\x0f\0\x10\0\x0b\0\x09\x08http/1.1"
    messages = b"".join(bytes([t]) + struct.pack("!I", len(m))[1:] + m
                        for t, m in ((2, hello), (11, struct.pack("!I", len(chain))[1:] + chain), (14, b"")))
    step = split or len(messages)
    return b"".join(b"\x16\3\3" + struct.pack("!H", len(messages[i:i + step])) + messages[i:i + step] for i in range(0, len(messages), step))


def kexinit(ciphers):
    lists = [b"curve25519-sha256", b"ssh-ed25519", ciphers, ciphers + b",x", b"hmac-sha2-256", b"hmac-sha2-512", b"none", b"none,zlib", b"", b""]
    body = b"\x14" + bytes(16) + b"".join(struct.pack("!I", len(x)) + x for x in lists) + bytes(5)
    return struct.pack("!IB", len(body) + 5, 4) + body + bytes(4)


def changes():
    """Protocols that change in mid-stream, and fingerprints of what they become."""
    hello, flight = client_hello("db.example"), server_flight().decode("latin-1")
    ssh = (b"SSH-2.0-gen_1\r\n" + kexinit(b"aes128-ctr"), "SSH-2.0-OpenSSH_9.2p1\r\n" + kexinit(b"aes256-ctr").decode("latin-1"))
    greeting = "\x46\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff\xff\2\0\xff\xdf\x15" + "\0" * 10 + "ijklmnopqrst\0caching_sha2_pass\0"
    upgrade = "GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: {}\r\n\r\n"
    switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {}\r\n\r\n"
    connect = b"CONNECT inner.example:443 HTTP/1.1\r\nHost: inner.example:443\r\n\r\n"
    oid = b"1.3.6.1.4.1.1466.20037"
    stream = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' {} version='1.0'>"
    talks = [
        (443, hello, flight),
        (443, hello, "\x15\3\3\0\2\1\x70" + server_flight(split=90).decode("latin-1")),
        (443, hello, "\x15\3\3\0\2\2\x28"),
        (22, *ssh),
        (25, "220 mail.example ESMTP Postfix\r\n", b"EHLO x\r\n", "250-mail.example\r\n250 STARTTLS\r\n", b"STARTTLS\r\n", "220 go on\r\n", hello, flight),
        (25, "220 mail.example ESMTP\r\n", b"EHLO x\r\n", "250 x\r\n", b"MAIL FROM:<a@x>\r\n", "250 ok\r\n"),
        (25, "220 mail.example ESMTP\r\n", b"STARTTLS\r\n", "454 no\r\n", b"NOOP\r\n", "250 ok\r\n"),
        (143, "* OK IMAP4 ready\r\n", b"a STARTTLS\r\n", "a OK begin\r\n", hello, flight),
        (110, "+OK POP3\r\n", b"STLS\r\n", "+OK\r\n", hello, flight),
        (21, "220 FTP\r\n", b"AUTH TLS\r\n", "234 go\r\n", hello, flight),
        (389, der(0x30, b"\2\1\1", der(0x77, der(0x80, oid))), der(0x30, b"\2\1\1", der(0x78, b"\x0a\1\0\4\0\4\0")).decode("latin-1"), hello, flight),
        (5222, stream.format("to='chat.example'").encode(), stream.format("id='1' from='chat.example'") + "<stream:features/>",
         b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", hello, flight),
        (5432, b"\0\0\0\x08\x04\xd2\x16\x2f", "S", hello, flight),
        (5432, b"\0\0\0\x08\x04\xd2\x16\x2f", "N", b"\0\0\0\x1d\0\3\0\0user\0app\0database\0wp\0\0", "R\0\0\0\x08\0\0\0\0"),
        (3306, greeting, b"\x20\0\0\1\x85\xae\xff\1\0\0\0\1\x2d" + bytes(23), hello, flight),
        (4222, 'INFO {"server_id":"NA","version":"2.9.10","tls_required":true}\r\n', hello, flight),
        (3128, connect, "HTTP/1.1 200 Established\r\n\r\n", hello, flight),
        (3128, connect, "HTTP/1.1 200 Established\r\n\r\n", *ssh),
        (3128, connect, "HTTP/1.1 403 Forbidden\r\n\r\n"),
        (80, upgrade.format("websocket").encode(), switched.format("websocket"), b"\x81\x85\1\2\3\4abcde"),
        (80, upgrade.format("h2c").encode(), switched.format("h2c") + H2_ANSWER, grpc(b"/shop.v1.Cart/Add")),
        (2375, upgrade.format("tcp").encode(), switched.format("tcp"), b"uname -a\n", "Linux\n"),
        (1080, b"\5\1\0", "\5\0", b"\5\1\0\3\x0cshop.example\0\x50", "\5\0\0\1" + "\0" * 6, HTTP_GET, HTTP_OK.decode()),
        (1080, b"\5\2\0\2", "\5\2", b"\1\1u\1p", "\1\0", b"\5\1\0\1\x0a\0\0\x09\0\x50", "\5\0\0\4" + "\0" * 18, hello, flight),
        (1080, b"\4\1\0\x50\0\0\0\1user\0shop.example\0", "\0\x5a" + "\0" * 6, HTTP_GET, HTTP_OK.decode()),
        (1080, b"\5\1\0", "\5\0", b"\5\1\0\4" + bytes(15) + b"\1\0\x50", "\5\5\0\1" + "\0" * 6),
    ]
    frames = []
    for i, (port, *said) in enumerate(talks):
        frames += [ether(p) for p in talk(*said, sport=41000 + i, dport=port)]
    return pcap(frames, step=100_000)


def quic_hello(name, padding=0):
    """What CRYPTO frames carry: a ClientHello, its name at the end."""
    sni = struct.pack("!HHBH", len(name) + 5, len(name) + 3, 0, len(name)) + name.encode()
    ext = struct.pack("!HHBBB", 43, 3, 2, 3, 4) + struct.pack("!HHHB", 16, 5, 3, 2) + b"h3" + struct.pack("!HH", 21, padding) + bytes(padding)
    ext += struct.pack("!H", 0) + sni
    body = b"\3\3" + bytes(range(32)) + b"\0" + struct.pack("!HHH", 4, 0x1301, 0x1302) + b"\1\0" + struct.pack("!H", len(ext)) + ext
    return b"\1" + struct.pack("!I", len(body))[1:] + body


def quics():
    """QUIC: the name is in a datagram of 1200 bytes, of 1452, in the second of two; a draft's; on another port; no name to be read."""
    long = quic_hello("www.google.com", 1500)
    says = [
        (443, quic.initial(quic.crypto(0, quic_hello("www.google.com")))),
        (443, quic.initial(quic.crypto(0, quic_hello("shop.example")), size=1452)),
        (443, quic.initial(quic.crypto(0, long[:1100])), quic.initial(quic.crypto(1100, long[1100:]), number=1)),
        (443, quic.initial(quic.crypto(0, quic_hello("shop.example")), version=0xff00001d)),
        (4433, quic.initial(quic.crypto(0, quic_hello("shop.example")))),
        (443, quic.initial(quic.crypto(0, quic_hello("shop.example")))[:-1] + b"?"),
    ]
    frames = []
    for i, (port, *datagrams) in enumerate(says):
        frames += [ether(ip4(17, udp(42000 + i, port, d))) for d in datagrams]
    return pcap(frames)


def quic_more():
    """QUIC that nDPI does not read: version 2; frames from the end to the start and overlapping; over two and three datagrams, reversed."""
    short, long = quic_hello("shop.example", 300), quic_hello("shop.example", 2200)
    cuts = [(0, 1000), (900, 1800), (1800, len(long))]
    mixed = b"".join(quic.crypto(a, short[a:b]) for a, b in ((250, len(short)), (100, 270), (0, 120)))
    parts = [[quic.initial(quic.crypto(a, long[a:b]), number=n, version=v) for n, (a, b) in enumerate(cuts)] for v in (1, quic.V2)]
    says = [
        [quic.initial(quic.crypto(0, short), version=quic.V2)],
        [quic.initial(mixed, version=quic.V2)],
        [quic.initial(mixed)],
        parts[1],
        parts[1][::-1],
        parts[0][::-1],
    ]
    frames = []
    for i, datagrams in enumerate(says):
        frames += [ether(ip4(17, udp(42100 + i, 443, d))) for d in datagrams]
    return pcap(frames)


def tiny():
    """Segments of one byte: more packets than ndpiReader looks at come before the name."""
    said = b"GET /" + b"a" * 100 + b" HTTP/1.1\r\nHost: shop.example\r\n\r\n"
    talk = Talk(sport=43000).send(0, said, size=1).send(1, HTTP_OK, size=1)
    return pcap([ether(p) for p in talk.end()])


def amid():
    """Captures that begin in the middle: records of TLS, which nDPI takes for Z39.50; a broker's methods, whole and in pieces."""
    record = b"\x17\3\3\0\x28" + bytes(range(40))
    publish = b"\1\0\1\0\0\0\x0d\0\x3c\0\x50" + bytes(9) + b"\xce"
    frames = []
    for i, (port, turns, size) in enumerate(((443, [record] * 8, None), (8443, [record] * 8, 8), (5672, [publish] * 4, None), (5672, [publish] * 4, 8))):
        talk = Talk(sport=44000 + i, dport=port)
        talk.packets = []
        for n, t in enumerate(turns):
            talk.send(n % 2 if port != 5672 else 0, t, size=size)
        frames += [ether(p) for p in talk.end()]
    return pcap(frames)


CAPTURES = [ethernet, one_byte_segments, reordered, vlans, overlays, deep, tunnels, fragments, cut, file_ends, file_damaged, malformed,
            big_endian, nanoseconds, modified, link_null, link_raw, link_sll2, link_ppp, link_80211, link_nflog, link_llc, link_slip, link_frelay, link_atm,
            link_rfc1483, link_ppi, link_wlan, link_ppp_kinds, link_pppoe, link_nflog_big, labels, erspan, blocks, block_too_long,
            section_broken, link_unknown, link_more, interfaces, services, changes, quics, quic_more, tiny, amid,
            merge_a, merge_b]

NG = (interfaces, link_more, blocks, block_too_long, section_broken)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: tools/gen/captures.py DIRECTORY")
    os.makedirs(sys.argv[1], exist_ok=True)
    for capture in CAPTURES:
        with open(os.path.join(sys.argv[1], capture.__name__ + (".pcapng" if capture in NG else ".pcap")), "wb") as f:
            f.write(capture())


if __name__ == "__main__":
    main()
