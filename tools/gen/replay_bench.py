#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets per second and memory of `pierglass replay`, beside ndpiReader, softflowd and nfpcapd where they are installed.

tools/gen/replay_bench.py [-n REPEAT] [FILE]...    without FILE: two mixes of tools/gen/load_capture.c, 2 million packets each.
Prints one line a tool and mix: the median of REPEAT (3) runs. Files are read once before, so that they come from memory.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MIXES = (("100 long flows", ("100", "20000", "300")), ("500,000 flows of 4 packets", ("500000", "4")))


def tools(path, work):
    yield "pierglass replay", ["build/pierglass", "replay", "--format", "json", path]
    if shutil.which("ndpiReader"):
        yield "ndpiReader", ["ndpiReader", "-q", "-i", path]
    if shutil.which("softflowd"):
        yield "softflowd", ["softflowd", "-d", "-r", path]
    if shutil.which("nfpcapd"):
        yield "nfpcapd", ["nfpcapd", "-r", path, "-l", work]


def run(command):
    """Seconds and peak memory (KiB) of the largest process of the command."""
    begin = time.monotonic()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        try:
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    return time.monotonic() - begin, usage.ru_maxrss, status


def packets_of(path):
    r = subprocess.run(["build/pierglass", "replay", "--format", "csv", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                       text=True, check=True)
    line = next(x for x in r.stderr.splitlines() if " flows in " in x).split()
    return int(line[0]), int(line[4])


def measure(name, path, repeat, work):
    packets, flows = packets_of(path)
    print(f"{name}: {packets} packets, {flows} flows")
    for tool, command in tools(path, work):
        runs = [run(command) for _ in range(repeat)]
        if any(r[2] for r in runs):
            print(f"  {tool:18} failed, left out")
            continue
        seconds = statistics.median(r[0] for r in runs)
        print(f"  {tool:18} {packets / seconds / 1e6:6.2f} M packets/s  {runs[0][1] / 1024:7.0f} MiB  ({seconds:.2f} s)")


def main():
    args = sys.argv[1:]
    repeat = 3
    if args[:1] == ["-n"]:
        repeat = int(args[1])
        args = args[2:]
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    subprocess.run(["make", "-s", "build/pierglass", "build/pierglass-inspect", "build/tools/gen/load_capture"], check=True)
    with tempfile.TemporaryDirectory(prefix="pgX-replay-bench-") as work:
        for path in args:
            measure(path, path, repeat, work)
        for name, options in MIXES if not args else ():
            path = os.path.join(work, "mix.pcap")
            with open(path, "wb") as f:
                subprocess.run(["build/tools/gen/load_capture", *options], stdout=f, check=True)
            measure(name, path, repeat, work)
            os.unlink(path)


if __name__ == "__main__":
    main()
