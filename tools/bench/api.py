# SPDX-License-Identifier: GPL-2.0-or-later
"""bench part "api": the API's own code and the page with 2,000 workloads and 20,000 edges, 200 edges a second in use, every 2 s a
stack that was not there (build/tests/unit/test_api --serve: everything but kernel and engine is real); what the exports make a second
(test_exports --rates); core's time with ten pages that look at it. Pages: Debian's chromium without a window or GPU, on the same
machine; ten of them would measure chromium, so the ten are clients that ask as a page does: both streams, and the lists."""
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "page"))
BUILD = os.environ.get("BENCH_BUILD", "build")
POLLS = (("/v1/alerts?limit=1000&all=1", 10), ("/v1/containers", 6), ("/v1/listeners", 4), ("/v1/models", 8), ("/v1/networks", 30), ("/v1/policy", 8), ("/v1/status", 5), ("/v1/map", 60))


class Served:
    def __init__(self, mode):
        self.dir = tempfile.mkdtemp(prefix="pg-bench-api-")
        self.path = self.dir + "/api.sock"
        self.process = subprocess.Popen([os.path.join(ROOT, BUILD, "tests/unit/test_api"), "--serve", self.dir, mode], stdout=subprocess.DEVNULL)
        for _ in range(200):
            if os.path.exists(self.path):
                break
            time.sleep(0.05)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/" % self.listener.getsockname()[1]
        threading.Thread(target=self.forward, daemon=True).start()

    def forward(self):
        """TCP for the browser: byte by byte to the socket."""
        def pump(a, b):
            try:
                while True:
                    got = a.recv(1 << 18)
                    if not got:
                        break
                    b.sendall(got)
            except OSError:
                pass
            for s in (a, b):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        while True:
            try:
                a = self.listener.accept()[0]
            except OSError:
                return
            b = self.connect()
            for x, y in ((a, b), (b, a)):
                threading.Thread(target=pump, args=(x, y), daemon=True).start()

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.path)
        return s

    def get(self, path):
        c = http.client.HTTPConnection("x")
        c.sock = self.connect()
        c.request("GET", path)
        r = c.getresponse().read()
        c.close()
        return r

    def cpu(self):
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii") as f:
            f = f.read().rsplit(")", 1)[1].split()
        return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as f:
            return int([x for x in f if x.startswith("VmRSS")][0].split()[1]) << 10

    def close(self):
        self.listener.close()
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def answers(s):
    out = {}
    for path in ("/v1/map", "/v1/map?since=5s", "/v1/flows?limit=1000", "/v1/status", "/v1/version"):
        times = []
        for _ in range(9):
            begin = time.monotonic()
            n = len(s.get(path))
            times.append(time.monotonic() - begin)
            time.sleep(0.06)  # what was answered a moment ago is answered again from memory
        out[path] = {"ms": statistics.median(times) * 1e3, "bytes": n}
    return out


def page(s):
    from browser import Browser
    b, first, late = Browser(), [], []
    try:
        for i in range(5):
            b.run("window.old = 1")
            begin = time.monotonic()
            b.call("Page.navigate", url=s.url + "?%d" % i)
            b.until("!window.old && document.querySelectorAll('#map .box').length > 50", 30)
            first.append(time.monotonic() - begin)
        # A stack that was not there: from the sensor's time of its first packet to the frame after it is drawn.
        b.run("""window.born = new Map(); window.known = new Set(data.map.nodes.map((n) => n.id));
                 new MutationObserver(() => requestAnimationFrame(() => { for (const g of document.querySelectorAll('#map .box')) { const k = g.box.key;
                   if (k.startsWith('s:new-') && !born.has(k) && !known.has(k.slice(2) + '/service'))
                     born.set(k, Date.now() - Date.parse(data.map.edges.find((e) => e.client === k.slice(2) + '/service').first_seen)); } }))
                 .observe(document.getElementById('canvas'), { childList: true, subtree: true }); 1""")
        b.until("born.size >= 8", 25)
        late = b.run("[...born.values()]")
        heap = b.run("performance.memory.usedJSHeapSize")
    finally:
        b.close()
    return {"first_picture_s": first, "update_ms": late, "js_heap_bytes": heap}


def client(s, over, lines):
    def stream(path):
        c = s.connect()
        c.settimeout(1)
        c.sendall(("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path).encode())
        while not over.is_set():
            try:
                lines.append(len(c.recv(1 << 18)))
            except TimeoutError:
                pass
        c.close()

    for path in ("/v1/map/stream", "/v1/alerts/stream"):
        threading.Thread(target=stream, args=(path,), daemon=True).start()
    due = {path: time.monotonic() + 0.1 * i for i, (path, _) in enumerate(POLLS)}
    while not over.wait(0.2):
        for path, every in POLLS:
            if time.monotonic() >= due[path]:
                s.get(path)
                due[path] = time.monotonic() + every


def share(s, seconds):
    begin, cpu = time.monotonic(), s.cpu()
    time.sleep(seconds)
    return (s.cpu() - cpu) / (time.monotonic() - begin)


def ten_clients(s, seconds):
    before, over, lines = share(s, seconds), threading.Event(), []
    for _ in range(10):
        threading.Thread(target=client, args=(s, over, lines), daemon=True).start()
    time.sleep(3)  # the first look of each
    during = share(s, seconds)
    over.set()
    return {"cpu_share_without": before, "cpu_share_with": during, "bytes_read": sum(lines)}


def measure_all(quick):
    s = Served("many")
    try:
        out = {"answers": answers(s), "core_bytes_before": s.rss()}
        out["page"] = page(s)
        out["ten_clients"] = ten_clients(s, 5 if quick else 15)
        out["core_bytes_after"] = s.rss()
    finally:
        s.close()
    out["exports"] = json.loads(subprocess.run([os.path.join(ROOT, BUILD, "tests/unit/test_exports"), "--rates"], stdout=subprocess.PIPE, check=True).stdout)
    return out


def report(r):
    mib, p, t = 1 << 20, r["page"], r["ten_clients"]
    print("API, 2,000 workloads, 20,000 edges: " + ", ".join("%s %.1f ms (%.1f MiB)" % (k, v["ms"], v["bytes"] / mib) for k, v in r["answers"].items()))
    print("page: first picture %.2f s (median of %d), a change is in the picture after %.0f ms (median of %d, max %.0f), heap %.0f MiB"
          % (statistics.median(p["first_picture_s"]), len(p["first_picture_s"]), statistics.median(p["update_ms"] or [0]), len(p["update_ms"]), max(p["update_ms"] or [0]), p["js_heap_bytes"] / mib))
    print("ten pages that look: %.1f %% of a core, %.1f %% without; the program with the map %.0f MiB, then %.0f MiB"
          % (t["cpu_share_with"] * 100, t["cpu_share_without"] * 100, r["core_bytes_before"] / mib, r["core_bytes_after"] / mib))
    print("exports: {:,} JSON lines/s (a file), {:,} IPFIX records/s".format(r["exports"]["json_lines"], r["exports"]["ipfix_records"]))


if __name__ == "__main__":
    result = measure_all(len(sys.argv) > 1)
    report(result)
