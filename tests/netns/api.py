# SPDX-License-Identifier: GPL-2.0-or-later
"""api.py http|https:CERT HOST PORT TOKEN alive|matrix|slow|answers [CORE_PID]: asks the API by TCP, byte by byte where it matters.
The routes are those that /v1/openapi.json describes. Prints what is wrong, and exits 1 then.
matrix: each route by those who may not, and in ways that it does not understand; slow: bodies and clients without end;
answers: each route as it is meant, on a sensor that has models, findings and evidence: the answers fit their schemas."""
import json
import os
import socket
import ssl
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import schema  # noqa: E402

scheme, host, port, token, what = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
context = ssl.create_default_context(cafile=scheme[6:]) if scheme.startswith("https") else None
failures = 0


def connect():
    s = socket.create_connection((host, port), timeout=15)
    return context.wrap_socket(s, server_hostname=host) if context else s


def talk(path, method="GET", headers=None, body=b"", auth=token, name=None, whole=False):
    """Status, headers and body (whole: all of it; else as far as it came with the head); status 0: ended without an answer."""
    lines = ["%s %s HTTP/1.1" % (method, path)]
    lines.append("Host: " + (name if name is not None else "%s:%d" % (host, port)))
    if auth is not None:
        lines.append("Authorization: Bearer " + auth)
    lines += headers or []
    if whole:
        lines.append("Connection: close")
    s = connect()
    try:
        s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
        answer = b""
        while whole or b"\r\n\r\n" not in answer:
            got = s.recv(65536)
            if not got:
                break
            answer += got
    except OSError:
        answer = b""
    finally:
        s.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    head = head.decode("latin-1").split("\r\n")
    fields = dict((k.lower(), v) for k, _, v in (line.partition(": ") for line in head[1:]))
    return (int(head[0].split()[1]) if head[0].startswith("HTTP/1.1 ") else 0), fields, rest


def ask(path, **more):
    return talk(path, **more)[0]


def want(status, wanted, what_):
    global failures
    if status not in wanted:
        failures += 1
        print("%s: %d, wanted %s" % (what_, status, wanted))


def rss():
    with open("/proc/%s/status" % sys.argv[6], encoding="ascii") as f:
        return int([line for line in f if line.startswith("VmRSS")][0].split()[1])


def routes():
    """(path, method, description) of each."""
    status, _, text = talk("/v1/openapi.json", whole=True)
    want(status, (200,), "the description")
    return [(path, method.upper(), d) for path, methods in json.loads(text)["paths"].items() for method, d in methods.items()]


def matrix():
    get, post = [], []
    for path, method, d in routes():
        args = [p["name"] for p in d["parameters"] if p["in"] == "query"]
        must = {"/v1/why": "id=1", "/v1/evidence/file": "id=1&thing=x", "/v1/feeds/check": "thing=x.example", "/v1/evidence/collect": "id=1", "/v1/model/accept": "id=1"}.get(path, "workload=x" if
                                                                                                 path in ("/v1/syscalls", "/v1/model", "/v1/model/export", "/v1/policy/plan") or method == "POST" and "workload" in args else "")
        (get if method == "GET" else post).append(path + ("?" + must if must else ""))
    want(len(get), range(25, 99), "routes to GET")
    want(len(post), range(13, 99), "routes to POST")
    for path in ("/", "/app.js", "/app.css"):  # the page's own files: no token, but only for its own host, and nothing but GET
        want(ask(path, auth=None), (200,), path + " without a token")
        want(ask(path, auth=None, name="evil.example"), (421,), path + " for another host")
        want(ask(path, auth=None, headers=["Origin: http://evil.example"]), (403,), path + " from another's page")
        want(ask(path, auth=None, method="POST"), (404, 405), path + " by POST")
        want(ask(path + "/", auth=None), (401,), path + "/ without a token")
    for path, method, other in [(p, "GET", "POST") for p in get] + [(p, "POST", "GET") for p in post]:
        what_ = method + " " + path
        more = path + ("&" if "?" in path else "?")
        want(ask(path, method=method, auth=None), (401,), what_ + " without a token")
        want(ask(path, method=method, auth=token[:-1]), (401,), what_ + " with a shorter token")
        want(ask(path, method=method, auth=token + "x"), (401,), what_ + " with a longer token")
        want(ask(path, method=method, auth="x" * 4000), (401, 431), what_ + " with a long token")
        want(ask(path, method=method, name="evil.example"), (421,), what_ + " for another host")
        want(ask(path, method=method, name=""), (400, 421), what_ + " for no host")
        want(ask(path, method=method, headers=["Origin: http://evil.example"]), (403,), what_ + " from another's page")
        want(ask(path, method=method, headers=["Origin: null"]), (403,), what_ + " from a page without an origin")
        want(ask(path, method=other), (405,), what_ + " by " + other)
        want(ask(path, method="DELETE"), (405,), what_ + " by DELETE")
        want(ask(more + "nonsense=1", method=method), (400,), what_ + " with an unknown argument")
        want(ask(path.split("?")[0] + "/../../etc/passwd", method=method), (404,), what_ + " with dots")
        want(ask(path.split("?")[0] + "%00", method=method), (400, 404), what_ + " with a NUL")
        want(ask(more + "a=" + "b" * 9000, method=method), (400, 414, 431), what_ + " with a long argument")
    for path in get:
        things = any(x in path for x in ("why?", "/file?", "model?", "export?", "plan?"))  # about one that is not there
        want(ask(path), (404,) if things else (200,), path)
        want(ask(path, headers=["Origin: http://%s:%d" % (host, port)]), (404,) if things else (200,), path + " from its own page")
        want(ask(path, headers=["Content-Length: 5"], body=b"hello"), (413,), path + " with a body")
        want(ask(path, headers=["Content-Length: %d" % (1 << 30)], body=b"x" * 4096), (413,), path + " with a body of 1 GiB")
    for path in post:
        want(ask(path, method="POST", headers=["Content-Length: 0"]), (200,) if path.startswith("/v1/policy/off") else (400, 404, 409), path + " about nothing that is there")
    want(ask("/v1/version", name="sensor.example"), (200,), "a host of api.hosts")
    want(ask("/v1/version", name="localhost:%d" % port), (200,), "localhost")
    for path in ["/", "//", "/v1", "/v1/", "/V1/status", "/v1/status/", "/%2e%2e/etc/passwd", "/v1/status%20", "/\xff\xfe", "*"]:
        status = ask(path)
        want(status, (200, 404, 400) if path == "/" else (404, 400), "path " + ascii(path))
    want(ask("/v1/status", headers=["X: " + "y" * 20000]), (431, 413, 400), "long headers")
    want(ask("/v1/flows/stream", headers=["Last-Event-ID: \xff" + "9" * 3000]), (200, 400, 431), "an odd id to take up a stream at")
    print("%d routes to GET, %d to POST" % (len(get), len(post)))


def slow():
    # A body without end, as far as it is taken, on each route that takes one.
    for path, method, _ in routes():
        if method != "POST":
            continue
        s = connect()
        s.sendall(("POST %s HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" % (path, host, port, token, 1 << 30)).encode())
        sent, answer = 0, b""
        s.settimeout(10)
        try:
            while sent < 1 << 30:
                sent += s.send(b"x" * 65536)
        except OSError:
            pass
        try:
            answer = s.recv(64)
        except OSError:  # reset: what it said is lost with the rest
            pass
        s.close()
        want(sent < 256 << 20, (True,), "POST %s: a body of 1 GiB is not taken whole: %d bytes" % (path, sent))
        want(answer[9:10] in (b"4", b""), (True,), "POST %s with 1 GiB: %r" % (path, answer))
    print("bodies of 1 GiB: core grew by %d KiB" % (rss() - before))
    # Connections that say a little and then nothing, and those that take nothing of a stream: more than there are places.
    held = []
    for i in range(200):
        try:
            s = socket.create_connection((host, port), timeout=5)
            s.sendall(b"GET /v1/status HTTP/1.1\r\nHost: " if i % 2 else ("GET /v1/map/stream HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n\r\n" % (host, port, token)).encode())
            held.append(s)
        except OSError:
            pass
    for x in held:
        x.close()
    end = time.monotonic() + 45
    while ask("/v1/version") != 200 and time.monotonic() < end:
        time.sleep(0.5)
    want(ask("/v1/version"), (200,), "after the slow ones")


def answers():
    """Each route as it is meant: its content type and its schema."""
    def thing(path):
        return json.loads(talk(path, whole=True)[2])

    first = {"model": thing("/v1/models")[0]["workload"], "alert": thing("/v1/alerts?all=1")[0]["id"], "bundle": thing("/v1/evidence")[0]["id"], "container": thing("/v1/containers")[0]["id"]}
    args = {"/v1/why": {"id": first["alert"]}, "/v1/model": {"workload": first["model"]}, "/v1/model/export": {"workload": first["model"]}, "/v1/syscalls": {"workload": first["model"]},
            "/v1/policy/plan": {"workload": first["model"]}, "/v1/feeds/check": {"thing": "198.51.100.7"}, "/v1/evidence/file": {"id": first["bundle"], "thing": "manifest.json"},
            "/v1/model/lock": {"workload": first["model"]}, "/v1/model/reopen": {"workload": first["model"]}, "/v1/model/accept": {"id": first["alert"]}, "/v1/evidence/collect": {"id": first["alert"]},
            "/v1/policy/block": {"container": first["container"], "thing": "198.51.100.9", "seconds": 5}, "/v1/policy/unblock": {"container": first["container"]},
            "/v1/policy/quarantine": {"container": first["container"]}, "/v1/policy/release": {"container": first["container"]},
            "/v1/policy/enforce": {"workload": first["model"], "seconds": 30, "anyway": 1}, "/v1/policy/confirm": {"workload": first["model"]}, "/v1/policy/monitor": {"workload": first["model"]},
            "/v1/policy/off": {"workload": first["model"]}}
    refused_ = {"/v1/feeds/update"}  # there are no feeds here
    model = talk("/v1/model/export?" + urllib.parse.urlencode(args["/v1/model"]), whole=True)[2]
    done = 0
    for path, method, d in sorted(routes(), key=lambda r: (r[1], list(args).index(r[0]) if r[0] in args else 0)):
        kind, content = next(iter(d["responses"]["200"]["content"].items()))
        asked = path + ("?" + urllib.parse.urlencode(args[path]) if path in args else "")
        body = model if path == "/v1/model/import" else b""
        stream = kind == "text/event-stream"
        status, head, text = talk(asked, method=method, whole=not stream, headers=["Content-Length: %d" % len(body)] if method == "POST" else [], body=body)
        if path in refused_ or status == 404 and path == "/v1/policy/unblock":
            want(status, (404,), path)
            continue
        if path == "/v1/evidence/collect" and status == 409:  # its incident has a bundle already
            continue
        want(status, (200,), method + " " + asked)
        want(head.get("content-type", "").split(";")[0] == kind, (True,), "%s: %s, said is %s" % (path, head.get("content-type"), kind))
        name = content["schema"].get("$ref", "").split("/")[-1][:-5]
        if name and not stream and status == 200:
            for error in schema.errors(name, text.decode()):
                want(0, (1,), "%s: %s" % (asked, error))
        done += status == 200
    print("%d routes answered as described" % done)


if what == "alive":
    sys.exit(0 if ask("/v1/version") == 200 else 1)
before = rss() if len(sys.argv) > 6 else 0
{"matrix": matrix, "slow": slow, "answers": answers}[what]()
if before and rss() - before > 65536:
    failures += 1
    print("core grew by %d KiB" % (rss() - before))
sys.exit(1 if failures else 0)
