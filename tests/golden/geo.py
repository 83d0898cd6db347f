#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""geo.py PIERGLASS DIR: every address of every lookups.jsonl below DIR (mmdblookup 1.7.1's answers, see DIR/../README.md), asked with
`feed check ADDRESS --geo FILE --json`. Prints what differs, and a last line "AGREE OF TOTAL". Databases under bad/ must end in
an answer, and where mmdblookup has an error, in an error."""
import glob
import json
import os
import subprocess
import sys


def same(a, b):
    """A float of 32 bits has about 7 digits; mmdblookup prints 6 after the point."""
    if isinstance(a, dict) and set(a) == {"bytes"} and isinstance(b, str):
        return a["bytes"].lower() == b.lower()
    if isinstance(a, dict) and set(a) == {"uint128"} and isinstance(b, str):
        return int(a["uint128"], 16) == int(b, 16)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, float) and a in (float("inf"), float("-inf")):
        return b is None  # JSON has no such number
    if isinstance(a, float) or isinstance(b, float):
        return isinstance(a, (int, float)) and isinstance(b, (int, float)) and abs(a - b) < 1e-5
    return a == b and type(a) is type(b)




agree = total = 0
for path in sorted(glob.glob(f"{sys.argv[2]}/*/*/lookups.jsonl")):
    database = glob.glob(os.path.dirname(path) + "/*.mmdb")[0]
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    out = subprocess.run([sys.argv[1], "feed", "check", "--json", "--geo", database, *[r["ip"] for r in rows]], stdout=subprocess.PIPE, check=False)
    answers = [json.loads(line) for line in out.stdout.decode().splitlines()]
    for i, want in enumerate(rows):
        got = answers[i] if i < len(answers) else {"error": "no answer", "found": False, "data": None}
        if "conv_error" in want:
            good = got["found"] or "/bad/" in path  # a broken record, which has no one right answer
        elif want["rc"] == 0:
            good = got["found"] and same(want["data"], got["data"])
        elif want["rc"] == 6:
            good = not got["found"] and not got["error"]
        else:
            good = not got["found"] and bool(got["error"])
        total += 1
        agree += good
        if not good:
            print(f"# {os.path.basename(database)} {want['ip']}: {str(want)[:200]} / {str(got)[:200]}")
print(f"{agree} OF {total}")
