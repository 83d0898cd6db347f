#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs `pierglass scan` on application cases (case.json, rootfs/) and compares the listeners with what the real daemon opened.

appconf_score.py PIERGLASS DIR [NAME]...: one line for each case that differs, the score at the end, exit 1 below the goal (100 % of the applications
named in the issue, 90 % of all). "per interface": a daemon that opens a socket per local address where its configuration says "any"; the scan says any.
"""
import ipaddress
import json
import os
import subprocess
import sys

NAMED = {"apache2", "nginx", "mariadb", "mysql", "postgresql", "redis", "redis-sentinel", "mongodb", "memcached", "haproxy", "rabbitmq",
         "rabbitmq-server", "tomcat", "tomcat10", "elasticsearch", "kibana", "php-fpm", "wordpress", "node", "busybox", "openssh", "mosquitto",
         "etcd"}


def address(a):
    a = a.strip("[]").split("%")[0]
    try:
        return str(ipaddress.ip_address(a))
    except ValueError:
        return a


def wanted(expected):
    return {(x["proto"], address(x["address"]), x["port"]) for x in expected}


def scan(pierglass, case, root):
    args = [pierglass, "scan", root, "--json"]
    if case.get("start_command"):
        args += ["--cmd", case["start_command"]]
    for k, v in (case.get("env") or {}).items():
        args += ["--env", f"{k}={v}"]
    p = subprocess.run(args, capture_output=True, text=True, timeout=60, check=False)
    return (json.loads(p.stdout) if p.returncode == 0 else None), p.stderr


def per_interface(want, got):
    """Where we say any (of one family or both) and the daemon had several addresses of the machine."""
    for l4, a, port in set(got):
        if a not in ("0.0.0.0", "::", "*"):
            continue
        own = {w for w in want if w[:1] == (l4,) and w[2] == port and
               (a == "*" or (":" in w[1]) == (a == "::"))}
        if own and (l4, a, port) not in want:
            got = (got - {(l4, a, port)}) | own
    return got == want


def main():
    pierglass, top, only = sys.argv[1], sys.argv[2], sys.argv[3:]
    total = right = named = named_right = 0
    for name in sorted(os.listdir(top)):
        path = os.path.join(top, name, "case.json")
        if not os.path.exists(path) or (only and name not in only):
            continue
        with open(path, encoding="utf-8") as f:
            case = json.load(f)
        root = os.path.join(top, name, "rootfs")
        os.makedirs(root, exist_ok=True)
        result, err = scan(pierglass, case, root)
        if result is None:
            print(f"# {name}: scan failed: {err.strip()}")
            total += 1
            continue
        if only:
            print(json.dumps(result, indent=1))
        if not case.get("expected"):
            continue
        total += 1
        want = wanted(case["expected"]["listen"])
        got = {(x["l4"], address(x["address"]), x["port"]) for x in result["listeners"]}
        ok, how = want == got, ""
        if not ok and per_interface(want, set(got)):
            ok, how = True, "per interface"
            print(f"# {name}: right, {how}")
        is_named = case["app"] in NAMED
        right += ok
        named += is_named
        named_right += ok and is_named
        if not ok:
            print(f"# {name}{' (named)' if is_named else ''}: missing {sorted(want - got)} too many {sorted(got - want)}"
                  f" notes {result['notes']} unread {[u['what'] + ': ' + u['why'] for u in result['unread']]}")
    print(f"# {right} of {total} right, of the named applications {named_right} of {named}")
    return 0 if only or (named_right == named and right >= 0.9 * total) else 1


if __name__ == "__main__":
    sys.exit(main())
