#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets per second and memory of `pierglass replay`, beside ndpiReader, softflowd and nfpcapd where they are installed.

tools/bench/replay.py [-n REPEAT] [FILE]...    without FILE: 2 million packets each of few long flows, of 500,000 short ones
(tools/gen/load_capture.c), and of real captures with other addresses each time, where these are (PIERGLASS_DATA).
Every tool reads a file once before it counts, and in turn with the others; the median of REPEAT (3) runs is printed.
"""
import glob
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
DATA = os.environ.get("PIERGLASS_DATA", os.path.join(TOP, "../shared/data"))
PACKETS = 2000000
MIXES = (("few long flows", ("100", "20000", "300"), None), ("500,000 flows of 4 packets", ("500000", "4"), 1.0))
REAL, REAL_GOAL = "real captures, repeated", 2.0
PORT_SCANS = ("synscan",)  # nothing but SYNs
# tool -> command; memory allowed beyond 300 bytes a flow
TOOLS = {
    "pierglass": lambda path, work: [os.path.join(TOP, "build/pierglass"), "replay", "--format", "json", path],
    "ndpiReader": lambda path, work: ["ndpiReader", "-q", "-i", path],
    "softflowd": lambda path, work: ["softflowd", "-d", "-r", path],
    "nfpcapd": lambda path, work: ["nfpcapd", "-r", path, "-l", work],
}
MEMORY_MIB, MEMORY_A_FLOW, ENDS_WITHIN_S = 64, 300, 120


def run(command):
    """Seconds, CPU seconds, peak memory (KiB) of the command's largest process; None: it failed."""
    begin = time.monotonic()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        try:
            os.execvp("timeout", ["timeout", str(ENDS_WITHIN_S), *command])
        finally:
            os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    return None if status else (time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def count(path):
    r = subprocess.run([*TOOLS["pierglass"](path, None)[:2], "--format", "csv", path], stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True, check=True)
    line = next(x for x in r.stderr.splitlines() if " flows in " in x).split()
    return int(line[0]), int(line[4])


def measure(path, repeat, work):
    """{packets, flows, tools: {tool: {mpps, cpu_mpps, mib}}, missing: [tool], failed: [tool]}"""
    packets, flows = count(path)
    result = {"packets": packets, "flows": flows, "tools": {}, "missing": [], "failed": []}
    runs = {}
    for tool, command in TOOLS.items():
        if not shutil.which(command(path, work)[0]):
            result["missing"].append(tool)
        elif run(command(path, work)) is None:
            result["failed"].append(tool)
        else:
            runs[tool] = []
    for _ in range(repeat):
        for tool, got in runs.items():
            got.append(run(TOOLS[tool](path, work)))
    for tool, got in runs.items():
        if None in got:
            result["failed"].append(tool)
            continue
        seconds, cpu, kib = (statistics.median(r[i] for r in got) for i in range(3))
        result["tools"][tool] = {"mpps": packets / seconds / 1e6, "cpu_mpps": packets / cpu / 1e6, "mib": kib / 1024}
    return result


def show(name, result, goal=None):
    wanted = MEMORY_MIB + result["flows"] * MEMORY_A_FLOW / (1 << 20)
    print(f"replay, {name}: {result['packets']} packets, {result['flows']} flows" + (f"; goal {goal} M packets/s" if goal else "") +
          f", {wanted:.0f} MiB")
    for tool, t in result["tools"].items():
        print(f"  {tool:12} {t['mpps']:6.2f} M packets/s ({t['cpu_mpps']:.2f} M a second of CPU), {t['mib']:.0f} MiB")
    for tool in result["missing"]:
        print(f"  {tool:12} not measured: not installed (tools/deps.sh bench)")
    for tool in result["failed"]:
        print(f"  {tool:12} not measured: it failed, or took longer than {ENDS_WITHIN_S} s")


def real_packets():
    """[(frame, length on the wire, places of bytes that make its addresses others, does it come every second time)]"""
    packets = []
    for path in sorted(glob.glob(os.path.join(DATA, "pcap-ndpi/*.pcap"))):
        with open(path, "rb") as f:
            d = f.read()
        order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(d[:4])
        if not order or struct.unpack(order + "I", d[20:24])[0] & 0xffff != 1 or any(s in path for s in PORT_SCANS):
            continue
        at = 24
        while at + 16 <= len(d):
            cap, wire = struct.unpack(order + "II", d[at + 8:at + 16])
            frame = bytearray(d[at + 16:at + 16 + cap])
            packets.append((frame, wire, [(i, frame[i]) for i in address_bytes(frame)], "WebattackRCE" in path))
            at += 16 + cap
    return packets


def address_bytes(frame):
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    kind, at = bytes(frame[at:at + 2]), at + 2
    if kind == b"\x08\x00" and len(frame) >= at + 20:
        return [i + 1 for i in (at + 12, at + 16) if 0 < frame[i] < 224]
    if kind == b"\x86\xdd" and len(frame) >= at + 40:
        return [i + 6 for i in (at + 8, at + 24) if frame[i] != 0xff]
    return []


def real_mix(path):
    """Captures with payloads of all kinds, again and again with other addresses, 0.2 ms between packets. False: there are none."""
    packets, n, turn = real_packets(), 0, 0
    if not packets:
        return False
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        while n < PACKETS:
            for frame, wire, places, seldom in packets:
                if seldom and turn % 2:
                    continue
                for i, was in places:
                    frame[i] = (was ^ turn) & 255
                f.write(struct.pack("<IIII", 1700000000 + n // 5000, n % 5000 * 200, len(frame), wire))
                f.write(frame)
                n += 1
            turn += 1
    return True


def measure_all(repeat):
    """{mix: (result, goal)}, printed as they come."""
    out = {}
    with tempfile.TemporaryDirectory(prefix="pgX-replay-bench-") as work:
        path = os.path.join(work, "mix.pcap")
        for name, options, goal in MIXES:
            with open(path, "wb") as f:
                subprocess.run([os.path.join(TOP, "build/tools/gen/load_capture"), *options], stdout=f, check=True)
            out[name] = measure(path, repeat, work)
            show(name, out[name], goal)
            sys.stdout.flush()
        if real_mix(path):
            out[REAL] = measure(path, repeat, work)
            show(REAL, out[REAL], REAL_GOAL)
    return out


def main():
    args, repeat = sys.argv[1:], 3
    if args[:1] == ["-n"]:
        repeat, args = int(args[1]), args[2:]
    if not args:
        measure_all(repeat)
        return
    with tempfile.TemporaryDirectory(prefix="pgX-replay-bench-") as work:
        for path in args:
            show(path, measure(path, repeat, work))


if __name__ == "__main__":
    main()
