#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""compose_judge.py OURS REFERENCE: what `pierglass scan --compose` says of a stack beside docker-compose's own normalised form.
Compared: services, images, networks and their mode, depends_on, links, published and exposed ports, replicas. Prints differences."""
import json
import re
import sys

ours, ref = (json.load(open(p)) for p in sys.argv[1:3])
mine = {s["name"]: s for s in ours["services"]}
theirs = ref["services"]
bad = []


def port(p):
    if isinstance(p, dict):
        return (int(p["target"]), int(p.get("published") or 0), p.get("protocol", "tcp"), p.get("host_ip", ""))
    p, _, proto = str(p).partition("/")
    m = re.fullmatch(r"(?:(.*):)?(\d*):(\d+)|(\d+)", p)
    return (int(m[3] or m[4]), int(m[2] or 0), proto or "tcp", m[1] or "")


def same(what, name, a, b):
    if a != b:
        bad.append(f"{name}: {what}: {a} != {b}")


def names(v):
    return sorted(str(x) for x in (v or []))


if set(mine) != set(theirs):
    bad.append(f"services: {sorted(mine)} != {sorted(theirs)}")
for name, t in theirs.items():
    m = mine.get(name)
    if not m:
        continue
    same("image", name, m["image"], t.get("image", ""))
    # 22:22 without quotes: base 60 for YAML 1.1
    if not any(isinstance(p, int) for p in t.get("ports", [])):
        same("ports", name, sorted((p["target"], p["published"], p["protocol"], p["host_ip"]) for p in m["ports"]), sorted(map(port, t.get("ports", []))))
    same("expose", name, names(m["expose"]), names(t.get("expose")))
    want = names(t.get("networks")) or ([] if t.get("network_mode") else ["default"])
    same("networks", name, names(m["networks"]), want)
    same("network_mode", name, m["network_mode"], t.get("network_mode", ""))
    same("depends_on", name, names(m["depends_on"]), names(t.get("depends_on")))
    same("links", name, names(m["links"]), names(t.get("links")))
    same("replicas", name, m["replicas"], (t.get("deploy") or {}).get("replicas") or t.get("scale") or 1)
    for d in t.get("depends_on") or []:
        if d in theirs and not any(e["client"] == name and e["server"] == d for e in ours["edges"]):
            bad.append(f"{name}: no edge to {d}")
print("\n".join(bad))
sys.exit(bool(bad))
