# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark's namespaces, its stand-in engine, and the programs that look at the traffic (the variants)."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BENCH_BUILD", "build"))
LOAD = os.path.join(BUILD, "tools/bench/load")
PREFIX = f"pgb{os.getpid()}"
WORK = f"/tmp/{PREFIX}"
SETTLE_S = 0.4  # what is measured begins when the sensor's programs did next to nothing for twice this time: the start's own work (the last
SETTLE_MAX_S = 8  # program is loaded about a second after "all attached") would be counted as running cost. At most this long.
CGROUPS = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]


def sh(*args, check=True, **kw):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kw)
    if check and r.returncode:
        raise RuntimeError(f"{' '.join(args)}: {r.stdout.strip()}")
    return r.stdout


def netns(name):
    return f"/run/netns/{PREFIX}-{name}"


def inside(name, *args):
    """A command line that runs in a namespace of ours; not `ip netns exec`, which hides /sys/fs/cgroup."""
    return ["nsenter", f"--net={netns(name)}", *args]


class Lab:
    """Everything made is noted here and removed by close(), last made first."""

    def __init__(self):
        os.makedirs(WORK, mode=0o755)
        self.undo = [lambda: shutil.rmtree(WORK, ignore_errors=True)]
        self.cgroup = next((c for c in CGROUPS if os.path.exists(f"{c}/cgroup.controllers")), None)
        if self.cgroup:
            self.cgroup = f"{self.cgroup}/{PREFIX}"
            os.mkdir(self.cgroup)
            self.undo.append(lambda: cgroup_remove(self.cgroup))
        if not os.path.isdir("/run/docker"):
            os.mkdir("/run/docker")
            self.undo.append(lambda: sh("rmdir", "/run/docker", check=False))

    def close(self):
        for step in reversed(self.undo):
            try:
                step()
            except Exception as e:  # the next step must run whatever happened here
                print(f"bench: cleaning up: {e}", file=sys.stderr)
        self.undo = []

    def spawn(self, args, **kw):
        log = open(f"{WORK}/{os.path.basename(args[-1] if args[0] == 'nsenter' else args[0])}-{len(self.undo)}.log", "wb")
        kw.setdefault("stdout", log)
        p = subprocess.Popen(args, stderr=log, stdin=subprocess.DEVNULL, **kw)
        log.close()
        self.undo.append(lambda: end(p))
        return p

    def namespace(self, name):
        sh("ip", "netns", "add", f"{PREFIX}-{name}")
        self.undo.append(lambda: sh("ip", "netns", "del", f"{PREFIX}-{name}", check=False))
        sh("ip", "-n", f"{PREFIX}-{name}", "link", "set", "lo", "up")

    def bridge(self, ns, dev="br0", mtu=1500):
        n = f"{PREFIX}-{ns}"
        sh("ip", "-n", n, "link", "add", dev, "mtu", str(mtu), "type", "bridge", "forward_delay", "0")
        sh("ip", "-n", n, "link", "set", dev, "up")
        for f in ("iptables", "ip6tables"):
            sysctl(ns, f"net.bridge.bridge-nf-call-{f}", 0, missing_ok=True)

    def endpoint(self, name, ns, bridge, addr4, addr6, index, mtu=1500):
        """A container's namespace, joined to a bridge as the engine does it; with a process in a cgroup of its own."""
        self.namespace(name)
        host, n = f"veth{index:04x}", f"{PREFIX}-{name}"
        sh("ip", "-n", f"{PREFIX}-{ns}", "link", "add", host, "mtu", str(mtu), "type", "veth",
           "peer", "name", "eth0", "mtu", str(mtu), "netns", n)
        sh("ip", "-n", f"{PREFIX}-{ns}", "link", "set", host, "master", bridge, "up")
        sh("ip", "-n", n, "addr", "add", addr4, "dev", "eth0")
        sh("ip", "-n", n, "addr", "add", addr6, "dev", "eth0", "nodad")
        sh("ip", "-n", n, "link", "set", "eth0", "up")
        return Container(self, name, addr4, addr6, f"{PREFIX}-{ns}", host)


class Container:
    def __init__(self, lab, name, addr4, addr6, host_ns, host_dev):
        self.name, self.lab, self.host_ns, self.host_dev = name, lab, host_ns, host_dev
        self.addr4, self.addr6 = addr4.split("/")[0], addr6.split("/")[0]
        self.id = (name.encode().hex() + PREFIX.encode().hex() + "0" * 64)[:64]
        self.sandbox = self.id[:12]
        self.cgroup = None
        if lab.cgroup:
            self.cgroup = f"{lab.cgroup}/{self.id}"
            os.mkdir(self.cgroup)
            lab.undo.append(lambda: cgroup_remove(self.cgroup))
        self.pid = 0

    def enter(self):
        """For a child between fork and exec: into the container's cgroup."""
        if self.cgroup:
            with open(f"{self.cgroup}/cgroup.procs", "w", encoding="ascii") as f:
                f.write(str(os.getpid()))

    def start(self, *args):
        p = self.lab.spawn(inside(self.name, *args), preexec_fn=self.enter)
        self.pid = self.pid or p.pid
        return p

    def run(self, *args, timeout=120):
        r = subprocess.run(inside(self.name, *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           preexec_fn=self.enter, timeout=timeout, check=False)
        if r.returncode:
            raise RuntimeError(f"{' '.join(args)}: {r.stderr.strip()}")
        return r.stdout

    def segmentation(self, on):
        sh(*inside(self.name, "ethtool", "-K", "eth0", "tso", on, "gso", on))

    def received(self):
        """Packets that reached the container."""
        return packets_received(f"{PREFIX}-{self.name}", "eth0")

    def sent(self):
        """Packets that left the container and reached the host end of its veth, where others look."""
        return packets_received(self.host_ns, self.host_dev)


def packets_received(ns, dev):
    return json.loads(sh("ip", "-n", ns, "-j", "-s", "link", "show", dev))[0]["stats64"]["rx"]["packets"]


def sysctl(ns, key, value, missing_ok=False):
    path = "/proc/sys/" + key.replace(".", "/")
    sh(*inside(ns, "sh", "-c", f"[ -e {path} ] || exit {0 if missing_ok else 1}; echo '{value}' > {path}"))


def end(p, sig=signal.SIGTERM, seconds=5):
    if p.poll() is None:
        p.send_signal(sig)
        try:
            p.wait(seconds)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def cgroup_remove(path):
    """With whatever still runs in it."""
    for _ in range(40):
        try:
            os.rmdir(path)
            return
        except OSError:
            with open(f"{path}/cgroup.procs", encoding="ascii") as f:
                for pid in f.read().split():
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            time.sleep(0.05)
    raise RuntimeError(f"{path} stays")


def engine_start(lab, name, ns, containers, sandboxes=()):
    """The stand-in engine of one node. sandboxes: (file name, namespace, network id, network name) of overlays."""
    answers, socket = f"{WORK}/{name}.answers", f"{WORK}/{name}.sock"
    os.mkdir(answers)

    def put(path, value):
        with open(f"{answers}/{path.replace('/', '_')}", "w", encoding="utf-8") as f:
            json.dump(value, f)

    net = sandboxes[0][2:] if sandboxes else ((name.encode().hex() + "0" * 64)[:64], "benchnet")
    put("version", {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64"})
    put("info", {"ID": name, "Name": name, "Driver": "overlay2", "CgroupVersion": "2", "ServerVersion": "20.10.24",
                 "Swarm": {"NodeID": "", "LocalNodeState": "inactive", "ControlAvailable": False}})
    network = {"Name": net[1], "Id": net[0], "Driver": "overlay" if sandboxes else "bridge", "Scope": "local", "Internal": False,
               "IPAM": {"Config": [{"Subnet": "172.31.0.0/16"}, {"Subnet": "fd31::/64"}]}, "Options": {}, "Labels": {},
               "Containers": {}, "EnableIPv6": True}
    listing = []
    for c in containers:
        end_point = {"NetworkID": net[0], "EndpointID": c.id[::-1], "IPAddress": c.addr4, "IPPrefixLen": 16, "Gateway": "",
                     "GlobalIPv6Address": c.addr6, "GlobalIPv6PrefixLen": 64, "MacAddress": ""}
        networks = {net[1]: end_point}
        network["Containers"][c.id] = {"Name": c.name, "EndpointID": c.id[::-1], "IPv4Address": f"{c.addr4}/16",
                                       "IPv6Address": f"{c.addr6}/64"}
        listing.append({"Id": c.id, "Names": [f"/{c.name}"], "Image": "bench:latest", "ImageID": "sha256:" + c.id, "Created": 1,
                        "State": "running", "Status": "Up", "Ports": [], "Labels": {}, "HostConfig": {"NetworkMode": net[1]},
                        "NetworkSettings": {"Networks": networks}})
        put(f"containers/{c.id}/json", {
            "Id": c.id, "Name": f"/{c.name}", "Created": "2024-01-01T00:00:00Z", "Image": "sha256:" + c.id,
            "State": {"Status": "running", "Running": True, "Pid": c.pid, "StartedAt": "2024-01-01T00:00:00.0Z"},
            "Config": {"Image": "bench:latest", "Labels": {}, "Hostname": c.name}, "HostConfig": {"NetworkMode": net[1]},
            "NetworkSettings": {"SandboxID": c.id, "SandboxKey": f"/var/run/docker/netns/{c.sandbox}", "Networks": networks,
                                "Ports": {}}})
    put("containers/json", listing)
    put("networks", [network])
    put(f"networks/{net[0]}", network)
    for path in ("tasks", "services", "nodes", "images/json"):
        put(path, [])
    mounts = [(c.sandbox, netns(c.name)) for c in containers] + [(s[0], netns(s[1])) for s in sandboxes]
    script = "set -e; mount -t tmpfs tmpfs /run/docker; mkdir /run/docker/netns; "
    script += "".join(f": > /run/docker/netns/{a}; mount --bind {b} /run/docker/netns/{a}; " for a, b in mounts)
    script += f"exec python3 {TOP}/tools/bench/engine.py {socket} {answers}"
    # A process of its own starts the listener, so that SO_PEERCRED of the socket names it.
    lab.spawn(inside(ns, "unshare", "--mount", "--propagation", "private", "bash", "-c", script))
    for _ in range(100):
        if os.path.exists(socket):
            return socket
        time.sleep(0.05)
    raise RuntimeError("the stand-in engine does not start")


# ---- variants: start() returns what stop() takes -----------------------------------------------------------------------
class Nothing:
    name, title = "none", "nothing attached"

    def start(self):
        pass

    def stop(self):
        pass


class Sensor:
    """The real pierglassd with all its programs."""

    name, title = "sensor", "sensor learning"
    options = ()  # further ones of pierglassd

    def __init__(self, lab, sockets, hooks):
        self.lab, self.sockets, self.hooks = lab, sockets, hooks
        self.run, self.state, self.p = f"{WORK}/run", f"{WORK}/state", None
        self.starts = []
        lab.undo.append(self.stop)

    def status(self):
        try:
            r = subprocess.run([f"{BUILD}/pierglass", "--run", self.run, "status", "--json"], capture_output=True, text=True,
                               timeout=5, check=False)
        except subprocess.TimeoutExpired:
            return None
        return json.loads(r.stdout) if r.returncode == 0 else None

    def start(self):
        begin = time.monotonic()
        with open(f"{WORK}/sensor.log", "ab") as log:
            self.p = subprocess.Popen([f"{BUILD}/pierglassd", "--state", self.state, "--run", self.run, "--docker", ",".join(self.sockets), *self.options],
                                      stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        while time.monotonic() < begin + 20:
            if self.p.poll() is not None:
                break
            s = self.status()
            if s and sum(h["kind"] in ("veth", "vxlan") and h["how"] != "none" for h in s["hooks"]["list"]) >= self.hooks and \
                    s["tables"]["containers_running"] >= 2:
                self.starts.append(time.monotonic() - begin)
                self.settle()
                return
            time.sleep(0.1)
        with open(f"{WORK}/sensor.log", encoding="utf-8", errors="replace") as log:
            lines = log.read().splitlines()[-20:]
        why = f"it ended with {self.p.returncode}" if self.p.poll() is not None else "its hooks are not in place after 20 s"
        raise RuntimeError(f"the sensor does not come up: {why}: {lines[-1] if lines else 'no output'}\n" + "\n".join(lines))

    def settle(self):
        before, calm, end_at = self.cpu_s(), 0, time.monotonic() + SETTLE_MAX_S
        while calm < 2 and time.monotonic() < end_at:
            time.sleep(SETTLE_S)
            now = self.cpu_s()
            calm = calm + 1 if now - before < 0.02 * SETTLE_S else 0
            before = now

    def pids(self):
        return {p["name"]: p["pid"] for p in self.status()["programs"] if p["running"]}

    def map_ids(self):
        """Ids of the eBPF maps that the keeper holds (proc(5), fdinfo)."""
        maps = set()
        for name in os.listdir(f"/proc/{self.p.pid}/fdinfo"):
            try:
                with open(f"/proc/{self.p.pid}/fdinfo/{name}", encoding="ascii") as f:
                    maps.update(int(i) for i in re.findall(r"^map_id:\s*(\d+)", f.read(), re.M))
            except OSError:
                pass
        return maps

    def bpf_ids(self):
        """Ids of our eBPF programs: those that use a map which the keeper holds."""
        maps = self.map_ids()
        progs = json.loads(sh("/usr/sbin/bpftool", "-j", "prog", "show") or "[]")
        return {p["id"] for p in progs if maps & set(p.get("map_ids", []))}

    def cpu_by_program(self):
        return {name: cpu_of(pid) for name, pid in self.pids().items()}

    def cpu_s(self):
        return sum(self.cpu_by_program().values())

    def stop(self):
        if self.p:
            end(self.p)
            self.p = None
        # What is pinned would keep counting for the next keeper: "nothing attached" must mean it.
        with open("/proc/mounts", encoding="utf-8") as f:
            for mount in [line.split()[1] for line in f if line.split()[1].startswith(self.run + "/")]:
                for root, _, files in os.walk(mount, topdown=False):
                    for name in files:
                        if not name.endswith(".debug"):  # the kernel's own
                            os.unlink(os.path.join(root, name))
                sh("umount", mount, check=False)
        shutil.rmtree(self.run, ignore_errors=True)


class Nfqueue:
    """Every forwarded packet through NFQUEUE with an accept."""

    name, title = "nfqueue", "NFQUEUE for every packet"

    def __init__(self, lab, ns):
        self.lab, self.ns, self.p = lab, ns, None
        lab.undo.append(self.stop)

    def rule(self, op):
        for tables in ("iptables-nft", "ip6tables-nft"):
            sh(*inside(self.ns, tables, "-w", op, "FORWARD", "-j", "NFQUEUE", "--queue-num", "7", "--queue-bypass"), check=op == "-A")

    def start(self):
        for f in ("iptables", "ip6tables"):
            sysctl(self.ns, f"net.bridge.bridge-nf-call-{f}", 1)
        self.p = subprocess.Popen(inside(self.ns, f"{BUILD}/tools/bench/nfq", "7"), stdout=subprocess.PIPE, text=True)
        if self.p.stdout.readline() != "ready\n":
            raise RuntimeError("nfq does not start")
        self.rule("-A")

    def stop(self):
        if not self.p:
            return
        self.rule("-D")
        end(self.p)
        self.p.stdout.close()
        self.p = None
        for f in ("iptables", "ip6tables"):
            sysctl(self.ns, f"net.bridge.bridge-nf-call-{f}", 0)


class NdpiReader:
    """libpcap and nDPI on the bridge."""

    name, title = "ndpireader", "libpcap + nDPI (ndpiReader)"

    def __init__(self, lab, ns, dev="br0"):
        self.lab, self.ns, self.dev, self.p = lab, ns, dev, None
        lab.undo.append(self.stop)

    def start(self):
        with open(f"{WORK}/ndpireader.log", "wb") as log:
            self.p = subprocess.Popen(inside(self.ns, "ndpiReader", "-i", self.dev), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        time.sleep(0.4)
        if self.p.poll() is not None:
            self.p = None
            raise RuntimeError("ndpiReader does not start")

    def stop(self):
        if self.p:
            end(self.p, signal.SIGINT, 2)
            self.p = None

    def packets_seen(self):
        """Of the capture that stop() ended, by its own report."""
        with open(f"{WORK}/ndpireader.log", encoding="utf-8", errors="replace") as log:
            m = re.search(r"IP packets:\s+(\d+)", log.read())
        return int(m.group(1)) if m else 0


def cpu_of(pid):
    """Seconds of CPU that a process has used: of its threads, by the scheduler's own account. (The clock ticks of stat, fields 14
    and 15, are for an idle program a matter of chance.)"""
    ns = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                ns += int(f.read().split()[0])
    except OSError:
        pass
    return ns / 1e9


def memory_of(pid):
    """(Rss, Pss) in bytes."""
    rss = pss = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            for line in f:
                if line.startswith("Rss:"):
                    rss = int(line.split()[1]) * 1024
                elif line.startswith("Pss:"):
                    pss = int(line.split()[1]) * 1024
    except OSError:
        pass
    return rss, pss


def bpf_times():
    """{(id, name): (ns, runs)} of all programs; counted while kernel.bpf_stats_enabled is 1."""
    return {(p["id"], p.get("name", "?")): (p.get("run_time_ns", 0), p.get("run_cnt", 0))
            for p in json.loads(sh("/usr/sbin/bpftool", "-j", "prog", "show") or "[]")}


def bpf_objects():
    """Ids of all loaded programs, and bytes of all maps by id."""
    progs = {p["id"] for p in json.loads(sh("/usr/sbin/bpftool", "-j", "prog", "show") or "[]")}
    maps = {m["id"]: int(m.get("bytes_memlock", 0)) for m in json.loads(sh("/usr/sbin/bpftool", "-j", "map", "show") or "[]")}
    return progs, maps
