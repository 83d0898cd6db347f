# SPDX-License-Identifier: GPL-2.0-or-later
"""bench part "feeds": prefixes of reputation feeds in the kernel. Time and memory to load 100,000 and 1,000,000 (70 % IPv4 addresses,
10 % /24, 20 % IPv6 of four lengths) next to `nft -f` of the same into interval sets, and what the lookup costs connections and
one-packet flows: the same sensor with the table in use and taken out, window by window."""
import ipaddress
import json
import os
import random
import re
import subprocess
import time

import lab as L

SIZES = (100000, 1000000)
RESERVED = {10, 100, 127, 169, 172, 192, 198, 203}


def prefixes(count, seed=3):
    rng, out = random.Random(seed), set()
    while len(out) < count:
        kind = rng.random()
        if kind < 0.8:
            a = rng.randrange(11 << 24, 223 << 24)
            if a >> 24 not in RESERVED:
                out.add(f"{a >> 24}.{a >> 16 & 255}.{a >> 8 & 255}." + ("0/24" if kind > 0.7 else str(a & 255)))
        else:
            bits = rng.choice((48, 56, 64, 128))
            a = (rng.randrange(0x2000, 0x3fff) << 112 | rng.getrandbits(112)) >> (128 - bits) << (128 - bits)
            out.add(f"{ipaddress.IPv6Address(a)}/{bits}")
    return sorted(out)


def config_write(names):
    path, feed = f"{L.WORK}/feeds.yaml", f"{L.WORK}/feed.txt"
    with open(feed, "w", encoding="ascii") as f:
        f.write("\n".join(names) + "\n")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"feeds: {{ files: [{feed}] }}\n")
    return path


def core_rss(sensor):
    with open(f"/proc/{sensor.pids()['core']}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) << 10


def loaded(sensor):
    """Waits until the table is in the kernel: (milliseconds to read, to make the table, its bytes, core's bytes)."""
    log = f"{L.WORK}/sensor.log"
    for _ in range(200):
        with open(log, encoding="utf-8", errors="replace") as f:
            text = f.read()
        made = re.search(r"ranges of addresses are in the kernel \((\d+) KiB\), made in (\d+) ms", text)
        if made:
            read = re.search(r"read in (\d+) ms", text)
            return int(read.group(1)), int(made.group(2)), int(made.group(1)) << 10, core_rss(sensor)
        time.sleep(0.1)
    raise RuntimeError("the feed is not in the kernel after 20 s")


def nft_load(names):
    """nft -f of the same, in a namespace of its own: (seconds, peak bytes)."""
    path, ns = f"{L.WORK}/sets.nft", f"{L.PREFIX}-nft"
    with open(path, "w", encoding="ascii") as f:
        f.write("table inet t {\n")
        for name, kind, of in (("a", "ipv4_addr", [n for n in names if ":" not in n]), ("b", "ipv6_addr", [n for n in names if ":" in n])):
            f.write(f"set {name} {{ type {kind}; flags interval; auto-merge; elements = {{ {', '.join(of)} }} }}\n")
        f.write("}\n")
    L.sh("ip", "netns", "add", ns)
    try:
        begin = time.monotonic()
        p = subprocess.Popen(["ip", "netns", "exec", ns, "nft", "-f", path])
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = status
        if status:
            raise RuntimeError("nft -f failed")
        return time.monotonic() - begin, usage.ru_maxrss << 10
    finally:
        L.sh("ip", "netns", "del", ns)


class Table:
    """The table in use, to be taken out and put back while the sensor runs."""

    def __init__(self, sensor):
        self.outer, self.kept = f"{sensor.run}/bpf/listed", f"{sensor.run}/bpf/listed_kept"
        row = json.loads(L.sh("/usr/sbin/bpftool", "-j", "map", "dump", "pinned", self.outer))[0]
        value = row.get("value", row.get("inner_map_id"))  # four bytes
        self.id = str(sum(int(b, 16) << 8 * i for i, b in enumerate(value)) if isinstance(value, list) else value)
        L.sh("/usr/sbin/bpftool", "map", "pin", "id", self.id, self.kept)

    def use(self, on):
        key = ["key", "0", "0", "0", "0"]
        L.sh("/usr/sbin/bpftool", "map", *(["update", "pinned", self.outer, *key, "value", "id", self.id] if on else
                                           ["delete", "pinned", self.outer, *key]))


def cost(sensor, measure, client, server, addr, reps, interval):
    table, runs = Table(sensor), []
    for i in range(reps):
        run = {}
        for on in ((False, True) if i % 2 else (True, False)):
            if not on or i:
                table.use(on)
            run[on] = {m: measure(m, client, server, addr) for m in ("conn", "flows")}
            if not on:
                table.use(True)
        runs.append(run)
    out = {}
    for m in ("conn", "flows"):
        out[m] = interval([r[True][m]["rate"] / r[False][m]["rate"] for r in runs])
    return out


def measure_all(make_sensor, measure, client, server, interval, reps):
    result = {"load": {}, "nft": {}}
    sensor = make_sensor()
    sensor.start()
    try:
        result["core_bytes_without"] = core_rss(sensor)
    finally:
        sensor.stop()
    for size in SIZES:
        names = prefixes(size)
        sensor = make_sensor()
        sensor.options = ["--config", config_write(names)]
        if os.path.exists(f"{L.WORK}/sensor.log"):
            os.unlink(f"{L.WORK}/sensor.log")
        sensor.start()
        try:
            read_ms, made_ms, table_bytes, rss = loaded(sensor)
            result["load"][str(size)] = {"read_ms": read_ms, "table_ms": made_ms, "table_bytes": table_bytes, "core_bytes": rss}
            if size == SIZES[-1]:
                result["cost"] = cost(sensor, measure, client, server, server.addr4, reps, interval)
        finally:
            sensor.stop()
        seconds, peak = nft_load(names)
        result["nft"][str(size)] = {"seconds": seconds, "peak_bytes": peak}
    return result


def report(r):
    mib = 1 << 20
    for size, n in r["load"].items():
        nft = r["nft"][size]
        print(f"{int(size):,} prefixes: read in {n['read_ms'] / 1000:.2f} s, table made and in use {n['table_ms'] / 1000:.2f} s later (goal for 1,000,000 "
              f"<= 2 in all); table {n['table_bytes'] / mib:.1f} MiB, core +{(n['core_bytes'] - r['core_bytes_without']) / mib:.1f} MiB (goal <= 64 in "
              f"all); nft -f {nft['seconds']:.2f} s, {nft['peak_bytes'] / mib:.0f} MiB")
    if "cost" in r:
        print("with 1,000,000 prefixes against none: " + ", ".join(
            f"{name} {r['cost'][m][0]:.3f} \u00b1 {r['cost'][m][1]:.3f}" for m, name in (("conn", "connections"), ("flows", "one-packet flows"))) +
              " (goal >= 0.95)")
