#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds `pierglass replay` against reference answers for real captures (ndpiReader of the same libndpi, tshark).

The captures are not in the repository: PIERGLASS_DATA names their directory (default ../shared/data). Where it is absent this is
a note, not a skip: the generator's captures (tests/golden/replay.sh) are what always counts.
replay_reference.py [-v] [FAMILY]...     -v lists every flow that differs
"""
import collections
import glob
import ipaddress
import json
import os
import subprocess
import sys
import time

DATA = os.environ.get("PIERGLASS_DATA", "../shared/data")
PROGRAM = os.environ.get("PIERGLASS", "build/pierglass")
L4 = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "igmp": 2, "ipip": 4, "egp": 8, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51,
      "eigrp": 88, "ospf": 89, "pim": 103, "vrrp": 112, "pgm": 113, "sctp": 132, "udplite": 136, "dccp": 33}
# nDPI calls these identified although it looks at nothing but the port; ours says port-guess.
PORT_ONLY = {"FTP_DATA", "TargusDataspeed"}
# Least share of reference flows with the same packet counts, by family. What differs: pieces of fragmented datagrams (we count all,
# ndpiReader the first), fuzzed headers (ndpiReader takes frames of unknown type for IP), tunnels that only we open.
LEAST = {"pcap-ndpi": 0.99, "pcap-suricata": 0.97, "pcap-malformed": 0.91, "pcap-vxlan": 0.98}
# Labels that may differ: (start of the capture's name, reference) -> why.
CASSANDRA = "nDPI 4.2 takes nearly any small binary message for Cassandra"
FUZZED = "the frame's type was overwritten and is no longer IP; ndpiReader does not look at it"
CONNECT = "ours names the tunnel; nDPI adds the protocol that asked for it"
EXCEPTIONS = {
    ("fastcgi.pcap", "Cassandra"): CASSANDRA + "; it is FastCGI",
    ("raft.pcap", "Cassandra"): CASSANDRA + "; it is a Raft library's",
    ("socks.pcap", "Cassandra"): CASSANDRA + "; it is SOCKS",
    ("tcpdump_of13_ericsson", "Cassandra"): CASSANDRA + "; it is OpenFlow",
    ("tcpdump_resp_2_inline", "Memcached"): "inline commands of Redis on its port; ours says Redis",
    ("tcpdump_resp_3_malicious", "Nats"): "malformed Redis on its port; ours says Redis",
    ("sv_output-eve-anomaly-02", "SSH.HTTP"): "an HTTP request that an SSH server answered; ours says what was asked",
    ("sv_http-connect", "HTTP_Connect.HTTP"): CONNECT,
    ("fuzz-2020-02-16-11740", "Radius"): FUZZED,
    ("tcpdump_vrrp-vrrp_print-oobr-2", "VRRP"): "a fragment whose length is no multiple of 8: it can be part of no datagram",
    ("imap-starttls", "IMAPS"): "IMAP that becomes TLS: ours keeps the name it began with",
    ("ftp.pcap", "FTP_DATA"): "a data connection on a high port; nDPI tells it by the listing's first bytes",
    ("ossfuzz_seed_fake_traces_2", "TruPhone"): "XMPP of that company; ours names the protocol",
    ("sv_ldap-extended", "MQTT"): "LDAP's request for TLS; ours says LDAP",
    ("ossfuzz_seed_fake_traces_1", "Gnutella"): "a fuzzer's packets: the second takes the place of the first",
}
# (capture, VNI): tshark looks deeper than our four layers, or into what has no valid VNI by RFC 7348.
TSHARK_MORE = {("derived_nested.pcap", 100), ("derived_nested.pcap", 401), ("derived_malformed.pcap", 4097)}


def replay(path, *options):
    begin = time.monotonic()
    r = subprocess.run([PROGRAM, "replay", "--format", "json", *options, path], capture_output=True, timeout=60, check=False)
    rows = [json.loads(line) for line in r.stdout.decode().splitlines()]
    return r.returncode, rows, r.stderr.decode(), time.monotonic() - begin


def end(address, port):
    """ndpiReader writes every ":0:" as "::", which may not even be an address: both sides are compared in that form."""
    if ":" in address:
        try:
            address = str(ipaddress.ip_address(address))
        except ValueError:
            pass
    return address.replace(":0:", "::"), port


def our_flows(rows, vni=False):
    """{(l4, ends): [packets of the lower end, of the higher end, bytes ..., apps]}, added up over VLANs."""
    flows = {}
    for r in rows:
        number = L4[r["l4"]] if r["l4"] in L4 else int(r["l4"][3:])
        ports = number in (6, 17)
        a, b = end(r["src"], r["sport"] if ports else 0), end(r["dst"], r["dport"] if ports else 0)
        counts = [r["packets_to_server"], r["packets_to_client"], r["bytes_to_server"], r["bytes_to_client"]]
        add(flows, ((r["vni"],) if vni else ()) + (number,), a, b, counts, (r["app"], r["app_confidence"], r["host"]))
    return flows


def their_flows(rows, vni=None):
    flows = {}
    for r in rows:
        a, b = end(r["src_ip"], r["src_port"]), end(r["dst_ip"], r["dst_port"])
        counts = [r["c2s_pkts"], r["s2c_pkts"], r["c2s_bytes"], r["s2c_bytes"]]
        want = r.get("ndpi_proto_dpi_only", r["ndpi_proto"])
        confidence = r.get("confidence", "by any means")
        if not confidence.startswith("DPI") and confidence != "by any means":
            want = "Unknown"
        add(flows, ((vni,) if vni is not None else ()) + (r["l4proto"],), a, b, counts, (want, confidence))
    return flows


def add(flows, head, a, b, counts, said):
    if a > b:
        a, b, counts = b, a, [counts[1], counts[0], counts[3], counts[2]]
    f = flows.setdefault(head + (a, b), [0, 0, 0, 0, []])
    for i in range(4):
        f[i] += counts[i]
    f[4].append(said)


class Tally(collections.Counter):
    def __init__(self):
        super().__init__()
        self.lines = []
        self.kinds = collections.Counter()

    def compare(self, name, ours, theirs):
        for key, want in theirs.items():
            self["flows"] += 1
            got = ours.get(key)
            text = f"{name} {show(key)}"
            if not got:
                self["missing"] += 1
                self.lines.append(f"{text}: not there, reference {want}")
            elif got[:4] == want[:4]:
                self["counts"] += 1
            elif got[:2] == want[:2]:
                self["packets only"] += 1
                self.lines.append(f"{text}: bytes {got[2:4]}, reference {want[2:4]}")
            elif got[0] + got[1] == want[0] + want[1]:
                self["other direction"] += 1
                self.lines.append(f"{text}: packets {got[:2]}, reference {want[:2]}")
            elif got[0] + got[1] > want[0] + want[1]:
                self["more packets"] += 1
                self.lines.append(f"{text}: packets {got[:2]}, reference {want[:2]}")
            else:
                self["fewer packets"] += 1
                self.lines.append(f"{text}: packets {got[:2]}, reference {want[:2]}")
            for app, confidence in {w for w in want[4] if w[0] != "Unknown"}:
                self.label(text, app, got, confidence == "by any means" or app in PORT_ONLY)

    def tshark(self, name, ours, flows):
        """Frames by VNI as tshark's own decapsulation has them; what has no ports there are pieces of datagrams."""
        for f in flows:
            if f["l4"] not in ("tcp", "udp") or len(f["a"].split()) != 2 or len(f["b"].split()) != 2:
                continue
            vni = f["vni"] if isinstance(f["vni"], int) else int(f["vni"], 16)
            ends = sorted(end(a, int(port)) for a, port in (f["a"].split(), f["b"].split()))
            got = ours.get((vni, L4[f["l4"]], *ends))
            if (name, vni) in TSHARK_MORE:
                continue
            self["tshark flows"] += 1
            if got and got[0] + got[1] == f["frames"]:
                self["tshark frames"] += 1
            else:
                self.lines.append(f"{name} {vni} {ends}: packets {got and got[:2]}, tshark {f['frames']}")

    def label(self, text, want, got, guess):
        """guess: the reference says it by the port, or does not say how: our guess of the same name agrees."""
        self["labels"] += 1
        apps = {g[0] for g in got[4] if guess or g[1] in ("dpi", "own", "partial")} if got else set()
        if want in apps:
            self["same"] += 1
            return
        if want == "GRE" and not got:
            self["opened"] += 1
            return
        reason = next((why for (name, app), why in EXCEPTIONS.items() if app == want and text.startswith(name)), None)
        said = "/".join(sorted(f"{g[0]}({g[1]})" for g in got[4])) if got else "no flow"
        if any(a.split(".")[0] == want.split(".")[0] for a in apps):
            self["same protocol"] += 1
        elif apps:
            self["other"] += 1
        else:
            self["none"] += 1
        self["excepted"] += reason is not None
        self.kinds[f"{want} -> {said}: {reason or 'NOT EXPECTED'}"] += 1
        self.lines.append(f"{text}: label {said}, reference {want}")


def show(key):
    *head, a, b = key
    return f"{'/'.join(map(str, head))} {a[0]}:{a[1]} {b[0]}:{b[1]}"


def references(family):
    path = f"{DATA}/{family}"
    if os.path.exists(f"{path}/ref.jsonl"):
        with open(f"{path}/ref.jsonl", encoding="utf-8") as f:
            return [json.loads(line) for line in f]
    refs = []
    for name in sorted(glob.glob(f"{path}/ref/*.json")):
        with open(name, encoding="utf-8") as f:
            refs.append(json.load(f))
    return refs


def compare_family(family):
    tally, bad, slowest = Tally(), [], (0, "")
    for ref in references(family):
        name = ref["file"]
        options = ["--vxlan-port", "7789"] if "7789" in name else []
        try:
            code, rows, err, seconds = replay(f"{DATA}/{family}/{name}", *options)
        except (subprocess.TimeoutExpired, ValueError) as e:
            bad.append(f"{name}: {e}")
            continue
        slowest = max(slowest, (seconds, name))
        packets = int(ref.get("capinfos", {}).get("Number of packets", -1))
        read = [int(line.split()[0]) for line in err.splitlines() if " flows in " in line]
        if code not in (0, 2) or (code == 2 and packets > 0) or "signal" in err:
            bad.append(f"{name}: exit {code}: {err.strip()}")
        tally["captures"] += 1
        if packets >= 0:
            tally["captures with a count"] += 1
            if read and read[0] == packets:
                tally["captures with the same count"] += 1
            else:
                tally.lines.append(f"{name}: packets {read}, capinfos {packets}")
        inner = ref.get("expected_inner_flows")
        if inner is None:
            tally.compare(name, our_flows(rows), their_flows(ref["flows"]))
            continue
        ours = our_flows(rows, vni=True)
        tally.tshark(name, ours, ref["tshark_inner_flows"])
        for vni, flows in inner.items():
            tally.compare(name, ours, their_flows(flows, int(vni)))
        if not inner:
            tally.compare(name, our_flows([r for r in rows if r["vni"] is None]),
                          {k: v for k, v in their_flows(ref["flows"]).items() if not tunnel(k)})
    return tally, bad, slowest


def tunnel(key):
    return key[0] in (47,) or (key[0] == 17 and {key[1][1], key[2][1]} & {4789, 8472, 6081, 7789})


def main():
    args = [a for a in sys.argv[1:] if a != "-v"]
    verbose = len(args) < len(sys.argv) - 1
    families = args or list(LEAST)
    n = failures = 0

    def result(good, name):
        nonlocal n, failures
        n += 1
        failures += not good
        print(f"{'ok' if good else 'not ok'} {n} - {name}")

    if not os.path.isdir(DATA):
        print(f"# note: no captures at {DATA}; the generator's own are what counts")
        print("ok 1 - no reference captures here\n1..1")
        return 0
    for family in families:
        t, bad, slowest = compare_family(family)
        for line in bad:
            print(f"# {line}")
        result(not bad, f"{family}: {t['captures']} captures, none crashes or hangs (slowest {slowest[0]:.2f} s, {slowest[1]})")
        exact = t["captures with the same count"]
        result(exact >= t["captures with a count"] * 0.98, f"{family}: {exact} of {t['captures with a count']} captures with capinfos' packets")
        if t["tshark flows"]:
            result(t["tshark frames"] == t["tshark flows"],
                   f"{family}: of {t['tshark flows']} flows in tshark's decapsulation {t['tshark frames']} with the same frames and VNI")
        same = t["counts"] + t["more packets"] + t["other direction"]
        result(same >= t["flows"] * LEAST[family],
               f"{family}: of {t['flows']} reference flows {t['counts']} with equal counts, {t['more packets']} with more packets, "
               f"{t['other direction']} divided otherwise between the directions, "
               f"{t['packets only']} with other bytes, {t['fewer packets']} with fewer, {t['missing']} missing")
        unexpected = t["labels"] - t["same"] - t["opened"] - t["excepted"]
        result(not unexpected,
               f"{family}: of {t['labels']} DPI-confirmed labels {t['same']} the same, {t['opened']} GRE whose content is named instead, "
               f"{t['same protocol']} the same protocol with another application, {t['other']} other, {t['none']} none; "
               f"{unexpected} of these are not listed as exceptions")
        for kind, count in t.kinds.most_common():
            print(f"# {count} x {kind}")
        if verbose:
            for line in t.lines:
                print(f"# {line}")
    print(f"1..{n}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
