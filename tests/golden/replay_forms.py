#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A conversation's protocol and host must not depend on how it travels: whole, split at every offset, in single bytes, reordered,
retransmitted, in IP fragments, over IPv4 and IPv6, in VLAN, VXLAN (also with IPv6 outside), GENEVE, GRE, IP in IP.
replay_forms.py PIERGLASS [-v]: prints what differs; exit 1 if anything does. Seeded: SEED in the environment, default 1."""
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/gen"))
import captures as g  # noqa: E402

C, S = 0, 1
MYSQL = b"\x0a8.0.32-debian\0" + bytes(range(1, 9)) + b"\x01\x02\x03\x04\0\xff\xf7\x08\x02\0\xff\x81\x15" + bytes(10) + b"abcdefghijkl\0" + \
    b"mysql_native_password\0"
PG = b"\0\3\0\0user\0app\0database\0shop\0\0"
MQTT = b"\0\4MQTT\4\2\0\x3c\0\5probe"
TALKS = {
    "HTTP": (80, [(C, g.HTTP_GET), (S, g.HTTP_OK)]),
    "TLS": (443, [(C, g.client_hello("api.example"))]),
    "SSH": (2222, [(S, g.SSH_A), (C, g.SSH_B)]),
    "Redis": (6390, [(C, g.REDIS_A), (S, g.REDIS_B)]),
    "SMTP": (25, [(S, b"220 mail.example ESMTP Postfix\r\n"), (C, b"EHLO client.example\r\n"), (S, b"250-mail.example\r\n250 SIZE 1000\r\n")]),
    "POP3": (110, [(S, b"+OK Dovecot ready.\r\n"), (C, b"USER joe\r\n"), (S, b"+OK\r\n"), (C, b"PASS x\r\n"), (S, b"+OK Logged in.\r\n")]),
    "IMAP": (143, [(S, b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n"), (C, b"a1 LOGIN joe x\r\n"), (S, b"a1 OK Logged in\r\n")]),
    "FTP_CONTROL": (21, [(S, b"220 (vsFTPd 3.0.3)\r\n"), (C, b"USER anonymous\r\n"), (S, b"331 Please specify the password.\r\n"),
                         (C, b"PASS x\r\n"), (S, b"230 Login successful.\r\n")]),
    "MySQL": (3306, [(S, len(MYSQL).to_bytes(3, "little") + b"\0" + MYSQL)]),
    "PostgreSQL": (5432, [(C, (len(PG) + 4).to_bytes(4, "big") + PG), (S, b"R\0\0\0\x0c\0\0\0\x05abcd")]),
    "MQTT": (1883, [(C, b"\x10" + bytes([len(MQTT)]) + MQTT), (S, b"\x20\2\0\0")]),
    "AMQP": (5672, [(C, b"AMQP\0\0\x09\x01"), (S, b"\1\0\0\0\0\0\x0c\0\x0a\0\x0a\0\x09\0\0\0\0\xce")]),
    "Memcached": (11211, [(C, b"set key 0 60 5\r\nhello\r\n"), (S, b"STORED\r\n")]),
    "Nats": (4222, [(S, b'INFO {"server_id":"N1","version":"2.9.0","port":4222}\r\n'), (C, b'CONNECT {"verbose":false}\r\nPING\r\n')]),
    "HTTP2": (50051, [(C, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])), (S, bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))]),
}


class Forms:
    """Collects packets; each form of a talk has a client port of its own, by which its row is known."""

    def __init__(self):
        self.port, self.frames, self.what = 10000, [], {}
        self.random = random.Random(int(os.environ.get("SEED", "1")))

    def talk(self, name, form, cut=None, version=4, mix=None, wrap=g.ether):
        """cut(payload) -> pieces; mix(packets) -> packets; wrap(packet) -> frame or frames."""
        port, says = TALKS[name]
        self.port += 1
        ends = {} if version == 4 else {"src": "fd00::1", "dst": "fd00::2"}
        t = g.Talk(sport=self.port, dport=port, version=version, **ends)
        for who, payload in says:
            for piece in cut(payload) if cut else [payload]:
                t.send(who, piece)
        packets = mix(t.packets) if mix else t.packets
        for p in packets:
            frames = wrap(p)
            self.frames += frames if isinstance(frames, list) else [frames]
        self.what[self.port] = (name, form)

    def shuffled(self, packets):
        """The handshake stays in front; then each packet may be overtaken by the next one, of the same turn or not."""
        out = packets[:3]
        rest = packets[3:]
        while rest:
            i = self.random.randrange(min(3, len(rest)))
            out.append(rest.pop(i))
            if self.random.random() < 0.2:
                out.append(self.random.choice(out[3:]))
        return out

    def random_cut(self, payload):
        marks = sorted(self.random.sample(range(1, len(payload)), min(4, len(payload) - 1)))
        return [payload[a:b] for a, b in zip([0] + marks, marks + [len(payload)])]


def fragments(packet, size=24):
    return [g.ether(p) for p in g.pieces(packet[20:], size, ident=int.from_bytes(packet[24:28], "big") % 65536 ^ len(packet) ^ packet[27],
                                         proto=packet[9], src=".".join(map(str, packet[12:16])), dst=".".join(map(str, packet[16:20])))]


def build():
    f = Forms()
    outer = {"src": "192.0.2.1", "dst": "192.0.2.2"}
    wraps = {
        "VLAN": lambda p: g.ether(p, tags=[(0x8100, 9)]),
        "QinQ": lambda p: g.ether(p, tags=[(0x88a8, 9), (0x8100, 8)]),
        "VXLAN": lambda p: g.in_vxlan(4097, [p]),
        "VXLAN in IPv6": lambda p: g.in_vxlan(4097, [p], outer=g.ip6),
        "GENEVE": lambda p: g.ether(g.ip4(17, g.udp(50000, 6081, g.geneve(5, g.ether(p))), **outer)),
        "GRE": lambda p: g.ether(g.ip4(47, b"\0\0" + (b"\x08\0" if p[0] >> 4 == 4 else b"\x86\xdd") + p, **outer)),
        "IP in IP": lambda p: g.ether(g.ip4(4 if p[0] >> 4 == 4 else 41, p, **outer)),
    }
    for name, (_, says) in TALKS.items():
        f.talk(name, "whole")
        f.talk(name, "IPv6", version=6)
        for at in range(1, max(len(p) for _, p in says)):
            f.talk(name, f"split at {at}", cut=lambda p, at=at: [x for x in (p[:at], p[at:]) if x])
        f.talk(name, "single bytes", cut=lambda p: [p[i:i + 1] for i in range(len(p))])
        f.talk(name, "single bytes, IPv6", cut=lambda p: [p[i:i + 1] for i in range(len(p))], version=6)
        f.talk(name, "8 bytes at a time", cut=lambda p: [p[i:i + 8] for i in range(0, len(p), 8)])
        for i in range(20):
            f.talk(name, f"random pieces {i}", cut=f.random_cut)
            f.talk(name, f"random pieces, reordered {i}", cut=f.random_cut, mix=f.shuffled)
        f.talk(name, "fragments", wrap=fragments)
        f.talk(name, "fragments backwards", wrap=lambda p: fragments(p)[::-1])
        for how, wrap in wraps.items():
            f.talk(name, how, wrap=wrap)
            f.talk(name, how + ", IPv6 inside", wrap=wrap, version=6)
    return f


def main():
    f = build()
    with tempfile.NamedTemporaryFile(suffix=".pcap") as out:
        out.write(g.pcap(f.frames, step=200_000))
        out.flush()
        r = subprocess.run([sys.argv[1], "replay", "--format", "json", out.name], capture_output=True, check=True, timeout=120)
    rows = {}
    for line in r.stdout.decode().splitlines():
        row = json.loads(line)
        rows.setdefault(row["sport"], []).append(row)
    hosts, good, wrong, unknown = {}, 0, 0, 0
    for port, (name, form) in f.what.items():
        got = rows.get(port, [])
        said = {(r["app"], r["host"]) for r in got}
        host = hosts.setdefault(name, got[0]["host"] if got else None)  # of the whole one, which comes first
        if said == {(name, host)} and got[0]["app_confidence"] in ("own", "dpi"):
            good += 1
            continue
        wrong += any(a not in (name, "Unknown") and r["app_confidence"] in ("own", "dpi") for r in got for a in [r["app"]])
        unknown += not got or any(r["app"] == "Unknown" for r in got)
        if len(sys.argv) > 2 or wrong + unknown < 20:
            print(f"{name}, {form}: {[(r['app'], r['app_confidence'], r['host']) for r in got]}")
    print(f"{good} of {len(f.what)} forms of {len(TALKS)} conversations have the label of the whole, {wrong} another, {unknown} none")
    return 0 if good == len(f.what) else 1


if __name__ == "__main__":
    sys.exit(main())
