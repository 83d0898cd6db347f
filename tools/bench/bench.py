#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures what the sensor costs, against nothing attached and against what people use today. See tools/bench.sh.

Every repetition measures all variants one after the other, in alternating order; a ratio is that of two windows of one
repetition, so what the machine does besides hits both. Printed are the median ratio and its 95 % interval (bootstrap).
"""
import calendar
import json
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import api  # noqa: E402
import enforce  # noqa: E402
import feeds  # noqa: E402
import replay  # noqa: E402
import lab as L  # noqa: E402  (after the line above, on purpose)

QUICK = os.environ.get("QUICK") == "1"
REPS = int(os.environ.get("BENCH_REPS", "3" if QUICK else "7"))
REPS_MAX = REPS if QUICK else max(REPS, int(os.environ.get("BENCH_REPS_MAX", "21")))
WINDOW_S = float(os.environ.get("BENCH_SECONDS", "0.3" if QUICK else "1"))
RESOLVED = 0.02
ALL_PARTS = ["ipv4", "latency", "cost", "syscall", "memory", "ipv6", "vxlan", "idle", "start", "events", "replay", "feeds", "enforce", "api"]
PARTS = [p for p in os.environ.get("BENCH_PARTS", "").split(",") if p] or (["ipv4", "latency"] if QUICK else ALL_PARTS)
RESULT = os.path.join(L.TOP, "build/bench.json")
ALL_MEASURES = ["stream", "stream1500", "rr", "conn", "udp", "flows"]
MEASURES = [m for m in os.environ.get("BENCH_MEASURES", "").split(",") if m] or ALL_MEASURES
# (column, measure, key, better, goal of "sensor learning" from issue 2)
COLUMNS = [
    ("TCP (GSO)", "stream", "rate", "up", 0.98), ("TCP 1500", "stream1500", "rate", "up", 0.95),
    ("req/resp", "rr", "rate", "up", 0.97), ("its p50", "rr", "p50_us", "down", None), ("its p99", "rr", "p99_us", "down", 1.10),
    ("conn/s", "conn", "rate", "up", 0.95), ("CPU/conn", "conn", "cpu_us_per_op", "down", 1.10), ("UDP 64 B", "udp", "rate", "up", 0.95),
    ("CPU/packet", "udp", "cpu_us_per_op", "down", None), ("1-packet flows", "flows", "rate", "up", 0.75),
    ("CPU/GB", "stream", "cpu_us_per_op", "down", None),
]
COLUMNS = [c for c in COLUMNS if c[1] in MEASURES]
next_tuple = 0


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def load(client, mode, addr, seconds, start=0):
    return json.loads(client.run(L.LOAD, mode, addr, str(seconds), str(start)))


def measure(name, client, server, addr):
    """One window: {rate, cpu_us_per_op, ...}. Packet rates are of what arrived, not of what was sent."""
    global next_tuple
    if name == "stream1500":
        client.segmentation("off")
    before = server.received() if name in ("udp", "flows") else 0
    try:
        r = load(client, name.removesuffix("1500"), addr, WINDOW_S, next_tuple)
    finally:
        if name == "stream1500":
            client.segmentation("on")
    ops = r["ops"]
    if name in ("udp", "flows"):
        ops = server.received() - before
    if name == "flows":
        next_tuple += r["ops"] + 1000
    if not ops:
        raise RuntimeError(f"{name}: nothing went through")
    r.update(rate=ops / r["seconds"], cpu_us_per_op=r["cpu_s"] * 1e6 / ops, sent=r["ops"])
    return r


def accounted(sensor, client, server, addr):
    """One-packet flows, with what the sensor says about them: share of the packets that it counted or refused by name."""
    def state():
        time.sleep(0.7 if QUICK else 1.5)  # core reads the kernel's counters a few times a second
        c = sensor.status()["counters"]
        return c["counted_packets"], c["refused_full_packets"] + c["refused_half_open_packets"]
    before, sent = state(), client.sent()
    r = measure("flows", client, server, addr)
    sent, after = client.sent() - sent, state()
    counted, refused = after[0] - before[0], after[1] - before[1]
    # With two nodes in one lab each of them counts the packet.
    r.update(offered=sent, counted=counted, refused=refused, accounted=(counted + refused) / (sent * len(sensor.sockets)))
    return r


def seen(reader, client, server, addr):
    """The same for ndpiReader: a capture of its own, and what it says that it saw."""
    reader.stop()
    reader.start()
    sent = client.sent()
    r = measure("flows", client, server, addr)
    sent = client.sent() - sent
    reader.stop()
    r.update(offered=sent, counted=reader.packets_seen(), accounted=min(1, reader.packets_seen() / sent))
    return r


def window(variant, client, server, addr):
    variant.start()
    try:
        cpu = variant.cpu_by_program() if isinstance(variant, L.Sensor) else {}
        out = {}
        for m in MEASURES:
            if m == "flows" and isinstance(variant, L.Sensor):
                out[m] = accounted(variant, client, server, addr)
            elif m == "flows" and isinstance(variant, L.NdpiReader):
                out[m] = seen(variant, client, server, addr)
            else:
                out[m] = measure(m, client, server, addr)
        if isinstance(variant, L.Sensor):
            out["sensor_cpu_s"] = {k: round(v - cpu.get(k, 0), 3) for k, v in variant.cpu_by_program().items()}
        return out
    finally:
        variant.stop()


def interval(values, seed=1):
    """Median and half width of its 95 % bootstrap interval."""
    if len(values) < 3:
        return statistics.median(values), math.inf
    rng = random.Random(seed)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(2000))
    return statistics.median(values), (medians[1949] - medians[50]) / 2


def ratios(runs, variant, measure_name, key):
    return [r[variant][measure_name][key] / r["none"][measure_name][key] for r in runs
            if variant in r and r["none"][measure_name][key]]


def resolved(runs):
    return all(interval(ratios(runs, "sensor", m, k))[1] <= RESOLVED for _, m, k, _, goal in COLUMNS if goal)


def compare(title, variants, client, server, addr, failed, reps_max=REPS_MAX):
    """Windows until every goal's ratio is known to +-RESOLVED, at least REPS, at most reps_max repetitions."""
    load(client, "rr", addr, 0.2)
    runs, begin = [], time.monotonic()
    while len(runs) < REPS or (len(runs) < reps_max and any("sensor" in r for r in runs) and not resolved(runs)):
        order = variants if len(runs) % 2 == 0 else variants[::-1]
        # After the first REPS only the two that the goals are about: their windows stand side by side.
        if len(runs) >= REPS:
            order = [v for v in order if v.name in ("none", "sensor")]
        note(f"{title}: repetition {len(runs) + 1}: {', '.join(v.name for v in order)}")
        run = {}
        for v in order:
            try:
                run[v.name] = window(v, client, server, addr)
            except (RuntimeError, OSError, subprocess.SubprocessError) as e:
                if v.name == "none":
                    raise
                failed[f"{title}, {v.name}"] = str(e)
                note(f"not measured: {v.name}: {e}")
                variants = [x for x in variants if x is not v]
        runs.append(run)
        if QUICK and "BENCH_REPS" not in os.environ and len(runs) > 1 and time.monotonic() - begin > 27:
            break
    return runs


def summary(runs, variants):
    out = {}
    for v in variants:
        row = {}
        for title, m, key, _, _ in COLUMNS:
            values = [r[v.name][m][key] for r in runs if v.name in r]
            row[title] = {"median": statistics.median(values)}
            if v.name != "none":
                row[title]["ratio"], row[title]["half_width"] = interval(ratios(runs, v.name, m, key))
                row[title]["resolved"] = row[title]["half_width"] <= RESOLVED
        shares = [r[v.name]["flows"]["accounted"] for r in runs if v.name in r and "accounted" in r[v.name].get("flows", {})]
        if shares:
            row["accounted"] = {"median": statistics.median(shares), "min": min(shares)}
        out[v.name] = row
    return out


def short(x):
    for unit, div in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if x >= div:
            return f"{x / div:.2f}{unit}"
    return f"{x:.2f}" if x < 100 else f"{x:.0f}"


def table(title, runs, variants, s):
    print(f"\n{title}: {len(runs)} repetitions of {WINDOW_S} s windows{' (QUICK)' if QUICK else ''}")
    head = ["", *(c[0] for c in COLUMNS), "accounted"]
    rows = [head]
    for v in variants:
        row = [v.title]
        for c in COLUMNS:
            cell = s[v.name][c[0]]
            if v.name == "none":
                row.append(short(cell["median"] * (1e9 if c[0] == "CPU/GB" else 1)) + ("us" if c[2] != "rate" else "/s"))
            else:
                width = f"\u00b1{cell['half_width']:.2f}" if math.isfinite(cell["half_width"]) else ""
                row.append(f"{cell['ratio']:.2f}{width}" + ("" if cell["resolved"] else "?"))
        share = s[v.name].get("accounted")
        rows.append(row + [f"{share['min'] * 100:.2f} %" if share else "-"])
    if any(v.name == "sensor" for v in variants):
        rows.append(["goal, sensor"] + [("" if g is None else (">=" if b == "up" else "<=") + f"{g:.2f}") for _, _, _, b, g in COLUMNS] + [">=99.9 %"])
    widths = [max(len(r[i]) for r in rows) for i in range(len(head))]
    for r in rows:
        print("  " + "  ".join(x.ljust(w) if i == 0 else x.rjust(w) for i, (x, w) in enumerate(zip(r, widths))))
    print("  ratios to nothing attached (paired windows, median \u00b1 95 % interval); ? : not resolved (wider than \u00b10.02)")
    if "sensor" in s:
        verdicts = []
        for name, _, _, better, goal in COLUMNS:
            if goal is None:
                continue
            c = s["sensor"][name]
            low, high = c["ratio"] - c["half_width"], c["ratio"] + c["half_width"]
            met = (low >= goal, high < goal) if better == "up" else (high <= goal, low > goal)
            c["goal"], c["verdict"] = goal, "met" if met[0] else "missed" if met[1] else "not resolved"
            verdicts.append(f"{name} {c['verdict']}")
        print("  goals: " + ", ".join(verdicts))


def wall_s(rfc3339):
    """Seconds since 1970 of a time with nanoseconds, which datetime does not take."""
    whole, _, fraction = rfc3339.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (fraction or "0"))


def named_flow_latency(sensor, client, addr, count):
    """From a connection's first packet to its line, with both names and the protocol, in `pierglass flows -f`."""
    delays, lost = [], 0
    p = subprocess.Popen([f"{L.BUILD}/pierglass", "--run", sensor.run, "flows", "-f", "--json"], stdout=subprocess.PIPE)
    os.set_blocking(p.stdout.fileno(), False)
    time.sleep(0.3)
    try:
        buffer = b""
        for _ in range(count):
            one = subprocess.Popen(L.inside(client.name, L.LOAD, "one", addr, "0.4"), stdout=subprocess.PIPE, text=True, preexec_fn=client.enter)
            sent = json.loads(one.stdout.readline())
            sent_wall = time.time() - (time.monotonic_ns() - sent["sent_ns"]) / 1e9
            found, until = False, time.monotonic() + 2
            while not found and time.monotonic() < until:
                buffer += p.stdout.read() or b""
                arrived = time.monotonic_ns()
                *lines, buffer = buffer.split(b"\n")
                for line in lines:
                    f = json.loads(line)
                    # Ports come again: an older flow of the same port is not meant.
                    if f["sport"] == sent["sport"] and wall_s(f["first_seen"]) > sent_wall - 0.01 and f["client"]["container"] and f["server"]["container"] and f["app"] == "HTTP":
                        delays.append((arrived - sent["sent_ns"]) / 1e6)
                        found = True
                        break
                time.sleep(0.001)
            lost += not found
            one.communicate()
    finally:
        L.end(p)
    if not delays:
        return {"not_measured": "no named flow came in `pierglass flows -f`"}
    delays.sort()
    return {"count": len(delays), "not_seen": lost, "median_ms": statistics.median(delays),
            "p95_ms": delays[max(0, len(delays) * 95 // 100 - 1)], "max_ms": delays[-1]}


def footprint(sensor):
    mem = {name: L.memory_of(pid) for name, pid in sensor.pids().items()}
    ours = sensor.map_ids()
    maps = sum(size for i, size in L.bpf_objects()[1].items() if i in ours)
    return {"maps_bytes": maps, "rss_bytes": sum(m[0] for m in mem.values()), "pss_bytes": sum(m[1] for m in mem.values()),
            "pss_by_program": {name: m[1] for name, m in mem.items()}}


def memory(sensor, client, addr, flows):
    sensor.start()
    try:
        time.sleep(1)
        empty = footprint(sensor)
        r = load(client, "twoway", addr, 30, flows)
        time.sleep(2)
        full, known = footprint(sensor), sensor.status()["tables"]["flows"]
        grown = sum(full[k] - empty[k] for k in ("maps_bytes", "pss_bytes"))
        return {"flows_made": r["ops"], "flows_known": known, "empty": empty, "full": full, "grown_bytes": grown,
                "grown_bytes_per_100k": grown * 100000 / max(1, known), "whole_bytes": full["maps_bytes"] + full["pss_bytes"]}
    finally:
        sensor.stop()


def settle(sensor, limit):
    """Waits until what the sensor does at its start (reading what each container's image declares, listing its files) is over: less
    than 2 % of one core for 3 s. Seconds that took, at most limit."""
    begin, still = time.monotonic(), 0
    while still < 3 and time.monotonic() - begin < limit:
        before = sum(sensor.cpu_by_program().values())
        time.sleep(1)
        still = still + 1 if sum(sensor.cpu_by_program().values()) - before < 0.02 else 0
    return time.monotonic() - begin


def idle(sensor, containers, seconds):
    sensor.start()
    try:
        settled = settle(sensor, 60)
        cpu, begin = sensor.cpu_by_program(), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - begin
        each = {name: (s - cpu.get(name, 0)) / took for name, s in sensor.cpu_by_program().items()}
        return {"containers": containers, "cpu_share_of_one_core": sum(each.values()), "cpu_by_program": each, "seconds": seconds,
                "settled_after_seconds": settled, **footprint(sensor)}
    finally:
        sensor.stop()


def program_cost(sensor, client, server, addr):
    """Time of each of our programs per run and per packet sent, by the kernel's own clocks around every run."""
    switch, out = "/proc/sys/kernel/bpf_stats_enabled", {}
    with open(switch, encoding="ascii") as f:
        was = f.read()
    sensor.start()
    try:
        ours = sensor.bpf_ids()
        with open(switch, "w", encoding="ascii") as f:
            f.write("1")
        for m in ("udp", "flows", "rr", "conn"):
            before = L.bpf_times()
            r = measure(m, client, server, addr)
            after, row = L.bpf_times(), {}
            for key, (ns, runs) in after.items():
                if key[0] not in ours:
                    continue
                ns, runs = ns - before.get(key, (0, 0))[0], runs - before.get(key, (0, 0))[1]
                if runs > 100:
                    row[key[1]] = {"ns_per_run": ns / runs, "runs_per_op": runs / r["sent"], "ns_per_op": ns / r["sent"]}
            out[m] = row
    finally:
        with open(switch, "w", encoding="ascii") as f:
            f.write(was)
        sensor.stop()
    return out


def syscall_cost(variants, client, addr):
    """getppid in a loop, inside a container and beside it: CPU of the calling thread per call, paired windows."""
    runs = []
    for i in range(max(REPS, 5)):
        run = {}
        for v in variants if i % 2 == 0 else variants[::-1]:
            v.start()
            try:
                best = {"inside": math.inf, "outside": math.inf}
                for _ in range(3):
                    for where in best:
                        r = load(client, "syscall", addr, WINDOW_S / 2) if where == "inside" else \
                            json.loads(L.sh(L.LOAD, "syscall", addr, str(WINDOW_S / 2)))
                        best[where] = min(best[where], r["own_cpu_ns_per_op"])
                run[v.name] = best
            finally:
                v.stop()
        runs.append(run)
    out = {}
    for where in ("inside", "outside"):
        added, width = interval([r["sensor"][where] - r["none"][where] for r in runs])
        out[where] = {"none_ns": statistics.median(r["none"][where] for r in runs), "added_ns": added, "half_width": width}
    return out


def container_start(result):
    """On a real engine, by a script over the tests' lab."""
    r = subprocess.run([f"{L.TOP}/tools/bench/container_start.sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=180,
                       check=False)
    try:
        result["container_start"] = json.loads(r.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        result["not_measured"]["container start to named flow"] = (r.stderr.strip().splitlines() or ["no result"])[-1]


# (title, goal of issue 4: ratio of rates)
EVENT_MEASURES = {"exec": ("programs started", 0.98), "getppid": ("getppid", None), "redis": ("redis-benchmark", 0.99)}


def events(result):
    """Who did it, on a real engine, by a script over the tests' lab."""
    r = subprocess.run([f"{L.TOP}/tools/bench/events.sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=400, check=False)
    try:
        raw = json.loads(r.stdout.splitlines()[-1])
        out = {"storms": raw["storms"]}
        for what in EVENT_MEASURES:
            rates = {v: [float(w["rate"]) for w in raw["windows"] if w["v"] == v and w["what"] == what] for v in ("none", "sensor")}
            pairs = list(zip(rates["none"], rates["sensor"]))
            ratio, width = interval([s / n for n, s in pairs])
            out[what] = {"none": statistics.median(rates["none"]), "ratio": ratio, "half_width": width, "windows": rates}
            if what == "getppid":
                out[what]["added_ns"], out[what]["added_half_width"] = interval([1e9 / s - 1e9 / n for n, s in pairs])
        result["events"] = out
    except (IndexError, KeyError, ValueError, statistics.StatisticsError):
        result["not_measured"]["events"] = (r.stderr.strip().splitlines() or ["no result"])[-1]


def report_events(e):
    for what, (title, goal) in EVENT_MEASURES.items():
        m = e[what]
        line = f"{title}: {short(m['none'])}/s with nothing, with the sensor {m['ratio']:.3f}" + (
            f" \u00b1 {m['half_width']:.3f}" if math.isfinite(m["half_width"]) else "") + (f" (goal {goal})" if goal else "")
        if "added_ns" in m:
            line += f", +{m['added_ns']:.0f}" + (f" \u00b1 {m['added_half_width']:.0f}" if math.isfinite(m["added_half_width"]) else "") + " ns a call (goal 40)"
        print(line)
    for s in e["storms"]:
        cpu = {k: v for k, v in s["cpu"].items() if v >= 0.0005}
        print(f"storm of {s['want_execs']} programs and {s['want_connections']} connections a second: {s['execs']:.0f} and {s['connections']:.0f} came about; "
              f"lost {sum(s['lost'].values())}; {sum(s['cpu'].values()) * 100:.1f} % of one core ("
              + ", ".join(f"{k} {v * 100:.1f}" for k, v in cpu.items()) + ")")
    whole = [s for s in e["storms"] if sum(s["lost"].values()) == 0]
    if whole:
        print(f"most at which nothing was lost: {max(s['execs'] for s in whole):.0f} programs, {max(s['connections'] for s in whole):.0f} connections a second")


def bridge_lab(lab, extra=0):
    lab.namespace("e")
    lab.bridge("e")
    client = lab.endpoint("client", "e", "br0", "172.31.7.2/16", "fd31::7:2/64", 2)
    server = lab.endpoint("server", "e", "br0", "172.31.7.3/16", "fd31::7:3/64", 3)
    others = [lab.endpoint(f"idle{i}", "e", "br0", f"172.31.8.{i + 1}/16", f"fd31::8:{i + 1}/64", 100 + i) for i in range(extra)]
    for c in others:
        c.start("sleep", "3600")
    prepare(client, server)
    return client, server, others


def vxlan_lab(lab):
    """Two nodes with one overlay, as the engine builds it: bridge, vxlan0 and veths in a namespace of the overlay's own."""
    sandboxes, ends = [], []
    for i in (1, 2):
        lab.namespace(f"n{i}")
        lab.namespace(f"o{i}")
        lab.bridge(f"o{i}", mtu=1450)
    L.sh("ip", "-n", f"{L.PREFIX}-n1", "link", "add", "eth1", "type", "veth", "peer", "name", "eth1", "netns", f"{L.PREFIX}-n2")
    for i in (1, 2):
        n, o = f"{L.PREFIX}-n{i}", f"{L.PREFIX}-o{i}"
        L.sh("ip", "-n", n, "addr", "add", f"192.168.77.{i}/24", "dev", "eth1")
        L.sh("ip", "-n", n, "link", "set", "eth1", "up")
        L.sh("ip", "-n", n, "link", "add", "vxlan0", "mtu", "1450", "type", "vxlan", "id", "4097", "dev", "eth1", "dstport", "4789",
             "local", f"192.168.77.{i}", "remote", f"192.168.77.{3 - i}")
        L.sh("ip", "-n", n, "link", "set", "vxlan0", "netns", o)
        L.sh("ip", "-n", o, "link", "set", "vxlan0", "master", "br0", "up")
        sandboxes.append((f"1-bench{i}bench"[:12], f"o{i}", "bench1bench" + "0" * 53, "benchoverlay"))
    ends.append(lab.endpoint("oclient", "o1", "br0", "172.31.7.2/16", "fd31::7:2/64", 2, mtu=1450))
    ends.append(lab.endpoint("oserver", "o2", "br0", "172.31.7.3/16", "fd31::7:3/64", 3, mtu=1450))
    prepare(*ends)
    return ends, sandboxes


def prepare(client, server):
    """Server and client processes; routes for destinations that are never answered; ports enough for many connections."""
    server.start(L.LOAD, "server")
    client.start("sleep", "3600")
    c, s = f"{L.PREFIX}-{client.name}", f"{L.PREFIX}-{server.name}"
    L.sh("ip", "-n", c, "route", "add", "10.99.0.0/16", "via", server.addr4)
    L.sh("ip", "-n", c, "-6", "route", "add", "fd99::/64", "via", server.addr6)
    L.sh("ip", "-n", s, "route", "add", "blackhole", "10.99.0.0/16")
    L.sh("ip", "-n", s, "-6", "route", "add", "blackhole", "fd99::/64")
    L.sysctl(client.name, "net.ipv4.ip_local_port_range", "10240 65535")
    L.sysctl(client.name, "net.ipv4.tcp_max_tw_buckets", "64")
    for name in (client.name, server.name):
        L.sysctl(name, "net.ipv6.route.max_size", 1 << 20, missing_ok=True)
    for _ in range(50):
        try:
            load(client, "rr", server.addr4, 0.05)
            load(client, "rr", server.addr6, 0.05)
            return
        except RuntimeError:
            time.sleep(0.1)
    raise RuntimeError("client and server do not reach each other")


def variants_of(lab, sockets, hooks, ns):
    """The sensor, and beside nothing attached what people use today (on a bridge in namespace ns, where there is one)."""
    only = os.environ.get("BENCH_VARIANTS")
    out = [L.Nothing(), L.Sensor(lab, sockets, hooks)] + ([L.Nfqueue(lab, ns), L.NdpiReader(lab, ns)] if ns else [])
    return [v for v in out if v.name == "none" or not only or v.name in only.split(",")]


def earlier():
    """What earlier runs of single parts (BENCH_PARTS) have written: this run adds its own."""
    try:
        with open(RESULT, encoding="utf-8") as f:
            return json.load(f) if "BENCH_PARTS" in os.environ else {}
    except (OSError, ValueError):
        return {}


def section(result, key, title, vs, c, s, addr, **kw):
    """One table. The sensor, if it could be measured."""
    runs = compare(title, vs, c, s, addr, result["not_measured"], **kw)
    vs = [v for v in vs if any(v.name in r for r in runs)]
    result["tables"][key] = {"title": title, "summary": summary(runs, vs), "runs": runs}
    table(title, runs, vs, result["tables"][key]["summary"])
    sys.stdout.flush()
    return next((v for v in vs if v.name == "sensor"), None)


def bridge_parts(lab, result):
    client, server, _ = bridge_lab(lab)
    variants = variants_of(lab, [L.engine_start(lab, "node1", "e", [client, server])], 2, "e")
    sensor = next((v for v in variants if v.name == "sensor"), None)
    if "ipv4" in PARTS:
        sensor = section(result, "bridge_ipv4", "Bridge, IPv4", variants, client, server, server.addr4)
    if sensor and "latency" in PARTS:
        sensor.start()
        try:
            result["named_flow"] = named_flow_latency(sensor, client, server.addr4, 5 if QUICK else 50)
        finally:
            sensor.stop()
        result["sensor_start_s"] = statistics.median(sensor.starts)
    if sensor and "cost" in PARTS:
        result["program_cost"] = program_cost(sensor, client, server, server.addr4)
    if sensor and "syscall" in PARTS:
        result["syscall"] = syscall_cost([v for v in variants if v.name in ("none", "sensor")], client, server.addr4)
    if sensor and "memory" in PARTS:
        result["memory"] = memory(sensor, client, server.addr4, 100000)
    if "ipv6" in PARTS:
        pair = [v for v in variants if v.name in ("none", "sensor")]
        section(result, "bridge_ipv6", "Bridge, IPv6", pair, client, server, server.addr6, reps_max=REPS)


def vxlan_part(lab, result):
    ends, sandboxes = vxlan_lab(lab)
    sockets = [L.engine_start(lab, f"node{i + 1}", f"n{i + 1}", [ends[i]], [sandboxes[i]]) for i in (0, 1)]
    section(result, "vxlan_ipv4", "VXLAN between two nodes, IPv4", variants_of(lab, sockets, 4, None), *ends, ends[1].addr4, reps_max=REPS)


def idle_part(lab, result):
    client, server, others = bridge_lab(lab, extra=48)
    socket = L.engine_start(lab, "node1", "e", [client, server, *others])
    result["idle"] = idle(L.Sensor(lab, [socket], 50), 50, 20)


def feeds_part(lab, result):
    client, server, _ = bridge_lab(lab)
    socket = L.engine_start(lab, "node1", "e", [client, server])
    result["feeds"] = feeds.measure_all(lambda: L.Sensor(lab, [socket], 2), measure, client, server, interval, max(REPS, 9))


def enforce_part(lab, result):
    client, server, _ = bridge_lab(lab)
    socket = L.engine_start(lab, "node1", "e", [client, server])
    result["enforce"] = enforce.measure_all(lab, socket, "e", measure, client, server, interval, REPS)


def run():
    result = earlier() or {"tables": {}, "not_measured": {}}
    result["not_measured"] = {}  # of this run
    result.update(quick=QUICK, window_s=WINDOW_S, cpus=os.cpu_count(), kernel=os.uname().release, load_average_at_start=os.getloadavg())
    progs_before = L.bpf_objects()[0]
    if progs_before:
        result["foreign_bpf_programs"] = len(progs_before)
        note(f"{len(progs_before)} eBPF programs of others are loaded: they may cost both sides")
    # All that takes part, the measured and the measuring, before whatever else this machine does.
    os.nice(-19)

    def stop(signum, frame):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    for names, part in ((("ipv4", "latency", "cost", "syscall", "memory", "ipv6"), bridge_parts), (("vxlan",), vxlan_part), (("idle",), idle_part),
                        (("feeds",), feeds_part), (("enforce",), enforce_part)):
        if not any(n in PARTS for n in names):
            continue
        lab = L.Lab()
        try:
            part(lab, result)
        finally:
            was = signal.signal(signal.SIGINT, signal.SIG_IGN)
            lab.close()
            signal.signal(signal.SIGINT, was)
    if "start" in PARTS:
        container_start(result)
    if "events" in PARTS:
        events(result)
    if "api" in PARTS:
        result["api"] = api.measure_all(QUICK)
    if "replay" in PARTS:
        print()
        result["replay"] = replay.measure_all(1 if QUICK else 3)
    if QUICK:
        result["not_measured"]["container start to named flow, memory, idle, events, IPv6, VXLAN, replay"] = "QUICK=1"
    result["bpf_programs_left"] = len(L.bpf_objects()[0] - progs_before)
    report(result)
    with open(RESULT + ".tmp", "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
    os.replace(RESULT + ".tmp", RESULT)
    print(f"written: {os.path.relpath(RESULT)}")


def report(r):
    mib = 1 << 20
    print()
    if "named_flow" in r:
        n = r["named_flow"]
        print("first packet to named flow in `pierglass flows -f`: " + (
            f"not measured: {n['not_measured']}" if "not_measured" in n else
            f"median {n['median_ms']:.0f} ms, p95 {n['p95_ms']:.0f} ms, of {n['count']} ({n['not_seen']} not seen); goal <= 100 ms"))
    for m, row in r.get("program_cost", {}).items():
        print(f"eBPF, {m}: " + ", ".join(f"{name} {c['ns_per_run']:.0f} ns x {c['runs_per_op']:.2f}" for name, c in sorted(row.items())) +
              f" = {sum(c['ns_per_op'] for c in row.values()):.0f} ns per operation")
    if "syscall" in r:
        print("a system call (getppid): " + ", ".join(
            f"{where} a container {c['none_ns']:.0f} + {c['added_ns']:.0f} \u00b1 {c['half_width']:.0f} ns"
            for where, c in r["syscall"].items()) + " (goal <= +40)")
    if "memory" in r:
        m = r["memory"]
        print(f"100,000 flows: {m['flows_known']} known of {m['flows_made']} made; kernel maps {m['full']['maps_bytes'] / mib:.1f} MiB "
              f"(+{(m['full']['maps_bytes'] - m['empty']['maps_bytes']) / mib:.1f}), programs {m['full']['pss_bytes'] / mib:.1f} MiB "
              f"(+{(m['full']['pss_bytes'] - m['empty']['pss_bytes']) / mib:.1f}); grown {m['grown_bytes_per_100k'] / mib:.1f} MiB "
              f"per 100,000 (goal <= 48), whole sensor {m['whole_bytes'] / mib:.1f} MiB (goal <= 96)")
        print("  by program: " + ", ".join(f"{k} {m['empty']['pss_by_program'].get(k, 0) / mib:.1f} -> {v / mib:.1f} MiB"
                                           for k, v in m["full"]["pss_by_program"].items()))
    if "idle" in r:
        i = r["idle"]
        print(f"idle with {i['containers']} containers, {i['settled_after_seconds']:.0f} s after the start: {i['cpu_share_of_one_core'] * 100:.2f} % of one core (goal <= 0.5; "
              + ", ".join(f"{k} {v * 100:.2f}" for k, v in i.get("cpu_by_program", {}).items() if v) + "), programs "
              f"{i['pss_bytes'] / mib:.1f} MiB, kernel maps {i['maps_bytes'] / mib:.1f} MiB")
    if "sensor_start_s" in r:
        print(f"sensor start until both containers are hooked and named: {r['sensor_start_s']:.2f} s")
    if "container_start" in r:
        c = r["container_start"]
        print(f"container start to its first named flow in `flows -f` (real engine): median {c['median_ms']:.0f} ms, "
              f"max {c['max_ms']:.0f} ms, of {c['count']} ({c['not_seen']} not seen)")
    if "events" in r:
        report_events(r["events"])
    if "feeds" in r:
        feeds.report(r["feeds"])
    if "enforce" in r:
        enforce.report(r["enforce"])
    if "api" in r:
        api.report(r["api"])
    for k, v in r["not_measured"].items():
        print(f"not measured: {k}: {v.splitlines()[0]}")
    if r["bpf_programs_left"]:
        print(f"note: {r['bpf_programs_left']} eBPF programs more than at the start are loaded: ours, or of others that began meanwhile")


if __name__ == "__main__":
    try:
        run()
    except KeyboardInterrupt:
        note("interrupted; cleaned up")
        sys.exit(130)
    except RuntimeError as e:
        note(str(e))
        sys.exit(1)
