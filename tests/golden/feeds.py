#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds "pierglass feed check" against the reference answers of the shared feeds: feeds.py PIERGLASS DATA-DIR. Prints TAP."""
import csv
import glob
import io
import json
import os
import random
import subprocess
import sys

program, data = sys.argv[1], sys.argv[2]
number = failed = 0


def result(good, name, detail=""):
    global number, failed
    number += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {name}" + (f"\n#   {detail}" if detail and not good else ""))


def check(things, feed):
    """What is listed: a dictionary thing -> answer."""
    out = {}
    for i in range(0, len(things), 1000):
        r = subprocess.run([program, "feed", "check", "--json", "--feed", feed, *things[i:i + 1000]], capture_output=True, text=True)
        if r.returncode not in (0, 1):
            raise RuntimeError(f"{feed}: exit {r.returncode}: {r.stderr.strip()}")
        for line in r.stdout.splitlines():
            a = json.loads(line)
            out[a["query"]] = a
    return out


def feed_of(ref, family):
    return os.path.join(data, family, os.path.basename(ref)[:-5])


def wrong(expected, feed):
    try:
        got = check([t for t, _ in expected], feed)
    except RuntimeError as e:
        return [str(e)]
    return [f"{t}: listed {got[t]['listed']}, expected {e}" for t, e in expected if got[t]["listed"] != e]


# Not comparable, because the library of matches has no such kind: a path alone, other digests, mail addresses.
def misp_values(ref):
    for kind, value, _ids in ref["indicators"]:
        parts = value.split("|")
        if kind in ("md5", "sha1", "sha256", "ip-dst", "ip-src", "domain", "hostname", "url"):
            yield value
        elif kind.startswith("filename|") and kind[9:] in ("md5", "sha1", "sha256"):
            yield parts[-1]
        elif kind in ("ip-dst|port", "ip-src|port"):
            yield parts[0]
        elif kind == "domain|ip":
            yield from parts


STIX = {"domain-name:value": 1, "domain-name:resolves_to_refs[*].value": 1, "network-traffic:src_ref.value": 1,
        "network-traffic:dst_ref.value": 1, "url:value": 1, "ipv4-addr:value": 1, "ipv6-addr:value": 1,
        "file:hashes.MD5": 32, "file:hashes.'SHA-1'": 40, "file:hashes.'SHA-256'": 64}


def stix_values(pattern):
    for part in pattern.strip("[]").split(" AND "):
        path, _, value = part.partition(" = ")
        want = STIX.get(path.strip())
        if want and (want == 1 or len(value.strip("'")) == want):
            yield value.strip("'")


probes = 0
for ref in sorted(glob.glob(f"{data}/ref/iplist/*.json")):
    r = json.load(open(ref))
    probes += len(r["probes"])
    bad = wrong([tuple(p) for p in r["probes"]], feed_of(ref, "iplist"))
    result(not bad, f"{os.path.basename(ref)[:-5]}: {len(r['probes'])} probes", "; ".join(bad[:5]))
    got = subprocess.run([program, "feed", "test", "--json", feed_of(ref, "iplist")], capture_output=True, text=True)
    e = json.loads(got.stdout)["feeds"][0]
    result(e["entries"]["ip"] == r["ipv4_entries"] + r["ipv6_entries"] and e["bad"] == len(r["unparsed"]),
           f"{os.path.basename(ref)[:-5]}: {r['data_lines']} entries", str(e))
for family in ("hashes",):
    for ref in sorted(glob.glob(f"{data}/ref/{family}/*.json")):
        r = json.load(open(ref))
        feed = feed_of(ref, family)
        lines = [x.split()[0] for x in open(feed) if x.strip() and not x.startswith("#")]
        absent = ["%0*x" % (len(lines[0]), random.Random(i).getrandbits(4 * len(lines[0]))) for i in range(20)]
        bad = wrong([(x, True) for x in lines + r["first"] + r["last"]] + [(x, False) for x in absent], feed)
        result(not bad and len(lines) == r["count"], f"{os.path.basename(feed)}: {r['count']} digests", "; ".join(bad[:5]))
for ref in sorted(glob.glob(f"{data}/ref/misp/*.json")):
    values = sorted(set(misp_values(json.load(open(ref)))))
    bad = wrong([(v, True) for v in values] + [("192.0.2.77", False), ("absent.example.org", False)], feed_of(ref, "misp"))
    result(not bad, f"misp {os.path.basename(ref)[:-5]}: {len(values)} values", "; ".join(bad[:5]))
for ref in sorted(glob.glob(f"{data}/ref/stix/*.json")):
    values = sorted({v for i in json.load(open(ref))["indicators"] for v in stix_values(i["pattern"])})
    if not values:
        continue
    bad = wrong([(v, True) for v in values] + [("192.0.2.77", False)], feed_of(ref, "stix"))
    result(not bad, f"stix {os.path.basename(ref)[:-5]}: {len(values)} values", "; ".join(bad[:5]))
# Tables and names have no reference beside them: read once more, by Python's csv and by lines.
def table(name, columns):
    """Rows of a CSV whose head may be a comment."""
    text = [x for x in open(f"{data}/structured/{name}", encoding="utf-8", errors="replace") if x.strip() and not x.startswith("#")]
    for row in csv.reader(io.StringIO("".join(text)), skipinitialspace=True):
        if len(row) > max(columns):
            yield [row[c] for c in columns]


def tables():
    yield "feodotracker_ipblocklist.csv", [ip for ip, in table("feodotracker_ipblocklist.csv", [1]) if ip != "dst_ip"]
    iocs = [(value, kind) for value, kind in table("threatfox_full_excerpt.csv", [2, 3])]
    yield "threatfox_full_excerpt.csv", [v.rsplit(":", 1)[0] if k == "ip:port" else v for v, k in iocs
                                         if k in ("ip:port", "domain", "url", "md5_hash", "sha1_hash", "sha256_hash")]
    for name in ("urlhaus_csv_recent_2020.csv", "urlhaus_csv_recent_2026.csv"):
        yield name, [url for url, in table(name, [2]) if url.isascii() and " " not in url]


for name, values in tables() if os.path.isdir(f"{data}/structured") else ():
    values = sorted(set(values))
    probes += len(values)
    bad = wrong([(v, True) for v in values] + [("192.0.2.77", False), ("absent.example.org", False), ("http://absent.example.org/x", False)],
                f"{data}/structured/{name}")
    result(values and not bad, f"{name}: {len(values)} values", f"{len(bad)} wrong: " + "; ".join(bad[:5]))
for feed in sorted(glob.glob(f"{data}/domains/*")):
    names = sorted({x.split()[1] for x in open(feed, encoding="utf-8") if x.startswith("0.0.0.0 ")})
    probes += len(names)
    bad = wrong([(v, True) for v in names] + [("not-" + v, False) for v in names[:50] if "not-" + v not in names], feed)
    result(names and not bad, f"{os.path.basename(feed)}: {len(names)} names", f"{len(bad)} wrong: " + "; ".join(bad[:5]))
print(f"# {probes} probes")
print(f"1..{number}")
sys.exit(failed > 0)
