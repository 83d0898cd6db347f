#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the sensor's flows against the table. judge.py TABLE FLOWS "FORM CLIENT SERVER [relay]"...: comment lines with the table, then
for each form: name, protocols labelled rightly, protocols that should be, wrong labels. A guess by port counts for nothing; a
label that is sure and not the table's is wrong, in whichever flow of that protocol it stands."""
import json
import re
import sys

SURE = ("own", "dpi", "partial")


def main():
    rows = [line.split() for line in open(sys.argv[1]) if not line.startswith("#")]
    flows = json.load(open(sys.argv[2]))
    forms = [f.split() for f in sys.argv[3:]]
    cells, sums = {}, []
    for form, client, server, *relay in forms:
        good = of = wrong = 0
        for number, (name, transport, port, label) in enumerate(rows, 1):
            if relay and transport == "udp":
                cells[name, form] = "-"
                continue
            port = 20000 + number if relay else int(port)
            said = {f["app"] if f["how"] in SURE else f"({f['app']})" for f in flows
                    if (f["c"], f["dst"], f["dport"], f["l4"]) == (client, server, port, transport)}
            sure = {s for s in said if not s.startswith("(")}
            bad = {s for s in sure if not re.fullmatch(label, s)}
            of += 1
            good += bool(sure - bad)
            wrong += len(bad)
            cells[name, form] = ("WRONG " if bad else "") + ("/".join(sorted(sure or said)) or "no flow")
        sums.append(f"{form} {good} {of} {wrong}")
    print("# " + "protocol".ljust(12) + "".join(form[0].ljust(18) for form in forms))
    for name, *_ in rows:
        print("# " + name.ljust(12) + "".join(cells[name, form[0]].ljust(18) for form in forms))
    # that the relays did what they are for: payload per packet of short conversations, headers of 66 bytes taken off
    short = [f for f in flows if 20000 < f["dport"] < 20100 and f["l4"] == "tcp" and 0 < f["bytes"] - 66 * f["packets"] < 4000]
    payload, packets = sum(f["bytes"] - 66 * f["packets"] for f in short), sum(f["packets"] for f in short)
    for f in sorted(short, key=lambda f: (66 * f["packets"] - f["bytes"]) / f["packets"])[:3]:
        print(f"# largest segments: {f['app']}, {f['bytes'] - 66 * f['packets']} bytes in {f['packets']} packets")
    print(f"# through the relays: {len(short)} short conversations, {payload} bytes in {packets} packets, acknowledgements included")
    sums.append(f"payload-per-packet-is-small {int(payload < packets)} 1 0")
    print("\n".join(sums))


main()
