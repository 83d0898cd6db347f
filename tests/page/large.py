# SPDX-License-Identifier: GPL-2.0-or-later
"""The page with 2,000 workloads and 20,000 edges, from answers made up: what is drawn stays few, and answers soon."""
import random
import time

from served import Served, TOKEN, text


def world(workloads=2000, edges=20000, stacks=60):
    r = random.Random(7)
    at = "2026-11-22T08:00:0%d.000000000Z"
    here = {"engine": "node-a", "node": "n"}
    nodes, lines = [], []
    for i in range(workloads):
        name = "stack-%02d/service-%03d" % (i % stacks, i // stacks)
        nodes.append({"id": name, "kind": "workload", "workload": name, "containers": ["c%d-%d" % (i, k) for k in range(r.randint(1, 3))], "containers_more": 0,
                      "networks": ["net-%02d" % (i % stacks)], "networks_more": 0, "address": "", **here})
    for i in range(300):
        nodes.append({"id": "ext:198.51.100.%d" % i if i < 256 else "ext:203.0.113.%d" % (i - 256), "kind": "external", "workload": "", "containers": [], "containers_more": 0, "networks": [], "networks_more": 0,
                      "address": "198.51.100.1", "country": "DE", "asn": 64500 + i % 9, "as_org": "Example %d" % (i % 9), **here})
    nodes.append({"id": "host:n", "kind": "host", "workload": "", "containers": [], "containers_more": 0, "networks": [], "networks_more": 0, "address": "", **here})
    seen = set()
    while len(lines) < edges:
        a = r.randrange(workloads)
        near = r.random() < 0.8
        b = (a + stacks * r.randint(1, 12)) % workloads if near else r.randrange(len(nodes))
        port = r.choice([80, 443, 5432, 6379, 3306, 8080, 9092, 5672])
        if a == b or (a, b, port) in seen:
            continue
        seen.add((a, b, port))
        lines.append({"client": nodes[a]["id"], "server": nodes[b]["id"], "l4": "tcp", "port": port, "app": {80: "HTTP", 443: "TLS", 5432: "PostgreSQL", 6379: "Redis"}.get(port, "Unknown"),
                      "app_confidence": "dpi" if port < 7000 else "unknown", "bytes_to_server": r.randrange(10 ** 7), "bytes_to_client": r.randrange(10 ** 8), "packets_to_server": 9, "packets_to_client": 9,
                      "flows": r.randrange(1, 999), "first_seen": at % 1, "last_seen": at % 2, "client_exes": ["/usr/bin/app"], "server_exes": ["/usr/sbin/server"], "host": "", "source": r.choice(["learned"] * 30 + ["declared"] * 9 + ["none"]),
                      "verdict": r.choice(["none"] * 400 + ["drop", "listed"]), **here})
    return {"node": "n", "engine": "node-a", "time": at % 3, "nodes": nodes, "edges": lines, "loss": {}}


STATUS = {"node": "n", "engine": "node-a", "version": "0", "started": None, "time": None, "programs": [], "engines": [], "features": [], "rates": {}, "tables": {}, "loss": {}, "not_seen": [], "outputs": [], "evidence": {}}


def check(b, judge, picture):
    m = world()
    state = {"map": text(m), "n": 3}

    asked = []

    def the_map(path):
        asked.append(path)
        return state.get("part", text({**m, "nodes": [], "edges": []})) if "since=" in path else state["map"]

    s = Served({"/v1/map": the_map, "/v1/version": b"{}", "/v1/status": text(STATUS), "/v1/policy": b'{"workloads":[],"holds":[]}', **{"/v1/" + n: b"[]" for n in ("alerts", "containers", "listeners", "models", "networks", "evidence", "flows")}})
    try:
        b.open(s.url)
        b.run("sessionStorage.setItem('pierglass-token', '%s')" % TOKEN)
        begin = time.monotonic()
        b.open(s.url + "?fresh")
        good = b.until("document.querySelectorAll('#map .box').length > 50", 30)
        first = time.monotonic() - begin
        judge("2,000 workloads, 20,000 edges: a picture", good)
        print("# time to first picture: %.2f s; map answer %.1f MB; JS heap %.0f MB" % (first, len(state["map"]) / 1e6, b.run("performance.memory.usedJSHeapSize") / 1e6))
        shown = b.run("document.querySelectorAll('#map .box').length")
        judge("collapsed: %d boxes, at most 500" % shown, 50 < shown <= 500)
        b.until("0", 0.5)
        picture("large")
        spent = b.run("(() => { const t = performance.now(); for (let i = 0; i < 5; i++) draw(); return (performance.now() - t) / 5; })()")
        print("# one redraw: %.0f ms" % spent)
        places = b.run("[...document.querySelectorAll('#map .box')].map((g) => g.box.key + g.getAttribute('transform')).join('|')")
        extra = {**m["nodes"][0], "id": "stack-99/service-new", "workload": "stack-99/service-new"}
        m["nodes"].append(extra)
        m["edges"].append({**m["edges"][0], "client": extra["id"]})
        m["time"] = "2026-11-22T08:00:05.000000000Z"
        begin = time.monotonic()
        state["part"] = text({**m, "nodes": [extra, m["nodes"][0]], "edges": m["edges"][-1:]})
        judge("a new stack appears, by an answer that has only what changed", b.until("[...document.querySelectorAll('#map .box')].some((g) => g.box.key === 's:stack-99')", 30))
        judge("the rest of the map is still there", b.run("data.map.edges.length") == 20001 and sum("since=" not in p for p in asked) <= 2, [b.run("data.map.edges.length"), asked])
        print("# a change on the sensor is in the picture after %.1f s" % (time.monotonic() - begin))
        after = set(b.run("[...document.querySelectorAll('#map .box')].map((g) => g.box.key + g.getAttribute('transform')).join('|')").split("|"))
        moved = [p for p in places.split("|") if p not in after]
        judge("what did not change did not move", not moved, moved[:5])
        other = {**extra, "id": "stack-98/service-new", "workload": "stack-98/service-new"}
        part = {**m, "part": True, "time": "2026-11-22T08:00:07.000000000Z", "nodes": [other, m["nodes"][0]], "edges": [{**m["edges"][0], "client": other["id"]}]}
        begin = time.monotonic()
        s.says["/v1/map/stream"] = b"id: a-41\ndata: " + text(part) + b"\n\n"
        judge("a new stack appears, by the stream", b.until("[...document.querySelectorAll('#map .box')].some((g) => g.box.key === 's:stack-98')", 20))
        print("# a change that the stream tells is in the picture after %.2f s" % (time.monotonic() - begin))
        s.says["/v1/map/stream"] = b""
        end = time.monotonic() + 20
        while ("/v1/map/stream", "a-41") not in s.streams and time.monotonic() < end:
            b.until("0", 0.2)
        judge("a stream that ended is taken up where it was", ("/v1/map/stream", "a-41") in s.streams, s.streams)
        whole = sum("since=" not in p for p in asked)
        m["nodes"].append(other)
        m["time"] = "2026-11-22T08:00:08.000000000Z"
        state["map"] = text(m)
        s.says["/v1/map/stream"] = b'event: reset\ndata: {"reset":"too old"}\n\n'
        end = time.monotonic() + 60
        while sum("since=" not in p for p in asked) == whole and time.monotonic() < end:
            b.until("0", 0.2)
        judge("where it cannot be, the whole map is asked for", sum("since=" not in p for p in asked) > whole, asked[-5:])
        whole = sum("since=" not in p for p in asked)
        s.says["/v1/alerts/stream"] = b'event: lost\ndata: {"lost":7}\n\n'
        judge("messages of the stream that were lost are told", b.until("document.getElementById('notice').textContent.includes('Live messages were lost: 7')", 15),
              b.run("document.getElementById('notice').textContent"))
        end = time.monotonic() + 60
        while sum("since=" not in p for p in asked) == whole and time.monotonic() < end:
            b.until("0", 0.2)
        judge("... and the whole map is asked for anew", sum("since=" not in p for p in asked) > whole, asked[-5:])
        b.run("openAll(true)")
        b.until("document.querySelectorAll('#map .box').length > 200", 10)
        shown = b.run("document.querySelectorAll('#map .box').length + ' ' + document.querySelectorAll('#map .edge').length")
        judge("all opened: %s boxes and lines, and what is left out is said" % shown, int(shown.split()[0]) <= 500 and b.run("/not drawn|more: use the filter/.test(document.querySelector('#canvas').textContent)"))
        picture("large-open-dark", True)
        b.run("openAll(false); go({ q: 'stack-07/' })")
        judge("the filter leaves what it names", b.until("document.querySelectorAll('#map .box').length < 80", 10), b.run("document.querySelectorAll('#map .box').length"))
        b.run("go({ q: 'stack-07/service-001', sel: '' })")
        b.until("0", 0.5)
        picture("large-filtered")
        judge("no error with many", not [e for e in b.errors if s.url in e and "401 " not in e], b.errors[-3:])
    finally:
        s.close()
