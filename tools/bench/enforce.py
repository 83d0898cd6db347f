# SPDX-License-Identifier: GPL-2.0-or-later
"""bench part "enforce": what the policy costs. Nothing attached, the sensor that learns, and the sensor with client and server
enforced (edges in verdict maps), without and with protocols checked at connection start, window by window. All of them on a node as the engine leaves it: bridged packets
pass netfilter, and connections are tracked for the engine's own rule."""
import json
import subprocess
import time

import lab as L

MEASURES = (("stream", "TCP stream", 0.97), ("rr", "request/response", 0.97), ("conn", "connections", 0.85))
CHECKED_GOALS = {"stream": 0.97, "rr": 0.95, "conn": 0.75}
CONFIG = "learning: { window_seconds: 1, windows: 3, requests: 0 }\n"


def engine_rules(ns):
    """As dockerd sets a node up: the part that costs."""
    for f in ("iptables", "ip6tables"):
        L.sysctl(ns, f"net.bridge.bridge-nf-call-{f}", 1)
    for tables in ("iptables-nft", "ip6tables-nft"):
        L.sh(*L.inside(ns, tables, "-w", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"))


class Enforced(L.Sensor):
    """The sensor with every workload enforced; once learned, from its start on."""

    def __init__(self, lab, sockets, hooks, ns, checked):
        super().__init__(lab, sockets, hooks)
        self.name = "checked" if checked else "enforced"
        self.title = "sensor, enforcing" + (", protocols checked" if checked else "")
        self.state, self.ns, self.learned = f"{L.WORK}/state-{self.name}", ns, False
        path = f"{L.WORK}/{self.name}.yaml"
        with open(path, "w", encoding="ascii") as f:
            f.write(CONFIG + ("policy: { protocols: check }\n" if checked else ""))
        self.options = ["--config", path]

    def ask(self, *args):
        r = subprocess.run([f"{L.BUILD}/pierglass", "--run", self.run, *args, "--json"], capture_output=True, text=True, timeout=10, check=False)
        return json.loads(r.stdout) if r.returncode == 0 else None

    def wait(self, what, seconds, true):
        until = time.monotonic() + seconds
        while not true():
            if time.monotonic() > until:
                raise RuntimeError(f"{what} after {seconds} s")
            time.sleep(0.1)

    def in_force(self):
        spaces = (self.ask("policy", "show") or {}).get("namespaces", [])
        return spaces and all(s["in_force"] for s in spaces)

    def learn(self, traffic):
        """Lets it learn from traffic(), called again and again, then enforces all."""
        super().start()
        try:
            def edges():
                traffic()
                dims = [d for m in self.ask("model", "list") or [] for d in m["dimensions"] if d["dimension"].startswith("edge")]
                return dims and all(d["state"] != "learning" for d in dims)
            self.wait("the edges are not learned", 60, edges)
            self.workloads = [m["workload"] for m in self.ask("model", "list")]
            for w in self.workloads:
                if not self.ask("policy", "enforce", w):
                    raise RuntimeError(f"{w} is not enforced")
            self.wait("the policy is not in force", 10, self.in_force)
            self.learned = True
        finally:
            self.stop()

    def start(self):
        super().start()
        self.wait("the policy is not in force", 10, self.in_force)

    def refused(self):
        return sum(w["refused_in"] + w["refused_out"] for w in self.ask("policy", "show")["workloads"])

    def judged(self):
        """Connections that the rules have counted since they are in force."""
        return sum(r["connections"] for w in self.workloads for r in (self.ask("policy", "show", w) or {}).get("rules", []))

    def stop(self):
        super().stop()
        for family in ("inet", "bridge"):
            subprocess.run(L.inside(self.ns, "nft", "delete", "table", family, "pierglass"), stderr=subprocess.DEVNULL, check=False)


def measure_all(lab, socket, ns, measure, client, server, interval, reps):
    engine_rules(ns)
    variants = [L.Nothing(), L.Sensor(lab, [socket], 2), Enforced(lab, [socket], 2, ns, False), Enforced(lab, [socket], 2, ns, True)]
    runs, refused = [], 0
    for v in variants[2:]:
        v.learn(lambda: [measure(m, client, server, server.addr4) for m, _, _ in MEASURES])
    for i in range(reps):
        run = {}
        for v in variants if i % 2 == 0 else variants[::-1]:
            v.start()
            try:
                run[v.name] = {m: measure(m, client, server, server.addr4) for m, _, _ in MEASURES}
                if v in variants[2:]:
                    refused += v.refused()
                    v.wait("no connection met the rules", 10, v.judged)
            finally:
                v.stop()
        runs.append(run)
    result = {"refused": refused, "workloads": variants[-1].workloads, "runs": runs, "ratios": {}}
    for m, _, _ in MEASURES:
        def ratio(a, b, key, m=m):
            return interval([r[a][m][key] / r[b][m][key] for r in runs])
        result["ratios"][m] = {"to_none": ratio("enforced", "none", "rate"), "to_sensor": ratio("enforced", "sensor", "rate"),
                               "cpu_to_sensor": ratio("enforced", "sensor", "cpu_us_per_op"), "checked_to_none": ratio("checked", "none", "rate"),
                               "checked_to_enforced": ratio("checked", "enforced", "rate")}
    return result


def report(r):
    print(f"enforced ({' and '.join(r['workloads'])}; refused by mistake: {r['refused']}), {len(r['runs'])} repetitions:")
    for m, title, goal in MEASURES:
        n = r["ratios"][m]
        print(f"  {title}: " + ", ".join(f"{n[k][0]:.3f} \u00b1 {n[k][1]:.3f} {of}" for k, of in (
            ("to_none", f"of nothing attached (goal {goal})"), ("to_sensor", "of the sensor that learns"),
            ("cpu_to_sensor", "of its CPU per operation"), ("checked_to_none", f"of nothing attached with protocols checked (goal {CHECKED_GOALS[m]})"),
            ("checked_to_enforced", "of enforcing without that"))))
