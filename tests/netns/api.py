# SPDX-License-Identifier: GPL-2.0-or-later
"""api.py http|https:CERT HOST PORT TOKEN alive|matrix|slow [CORE_PID]: asks the API by TCP, byte by byte where it matters.
Prints what is wrong, and exits 1 then."""
import socket
import ssl
import sys
import time

scheme, host, port, token, what = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
context = ssl.create_default_context(cafile=scheme[6:]) if scheme.startswith("https") else None
GET = ["/v1/status", "/v1/containers", "/v1/listeners", "/v1/flows", "/v1/map", "/v1/map?since=2h&until=1h", "/v1/networks", "/v1/version", "/v1/feeds", "/v1/alerts",
       "/v1/models", "/v1/tree", "/v1/syscalls?workload=x", "/metrics", "/v1/flows/stream", "/v1/events/stream", "/v1/alerts/stream"]
POST = ["/v1/model/lock?workload=x", "/v1/model/reopen?workload=x", "/v1/model/accept?id=x", "/v1/model/import", "/v1/evidence/collect?id=x"]
failures = 0


def connect():
    s = socket.create_connection((host, port), timeout=15)
    return context.wrap_socket(s, server_hostname=host) if context else s


def ask(path, method="GET", headers=None, body=b"", auth=token, name=None):
    """Status of the answer; 0: the connection was ended without one."""
    lines = ["%s %s HTTP/1.1" % (method, path)]
    lines.append("Host: " + (name if name is not None else "%s:%d" % (host, port)))
    if auth is not None:
        lines.append("Authorization: Bearer " + auth)
    lines += headers or []
    s = connect()
    try:
        s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
        answer = b""
        while b"\r\n" not in answer:
            got = s.recv(4096)
            if not got:
                break
            answer += got
    except OSError:
        answer = b""
    finally:
        s.close()
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def want(status, wanted, what_):
    global failures
    if status not in wanted:
        failures += 1
        print("%s: %d, wanted %s" % (what_, status, wanted))


def rss():
    with open("/proc/%s/status" % sys.argv[6], encoding="ascii") as f:
        return int([line for line in f if line.startswith("VmRSS")][0].split()[1])


if what == "alive":
    sys.exit(0 if ask("/v1/version") == 200 else 1)

before = rss()
if what == "matrix":
    for path in ("/", "/app.js", "/app.css"): # the page's own files: no token, but only for its own host, and nothing but GET
        want(ask(path, auth=None), (200,), path + " without a token")
        want(ask(path, auth=None, name="evil.example"), (421,), path + " for another host")
        want(ask(path, auth=None, headers=["Origin: http://evil.example"]), (403,), path + " from another's page")
        want(ask(path, auth=None, method="POST"), (404, 405), path + " by POST")
        want(ask(path + "/", auth=None), (401,), path + "/ without a token")
    for path in GET:
        want(ask(path), (200,), path)
        want(ask(path, auth=None), (401,), path + " without a token")
        want(ask(path, auth=token[:-1]), (401,), path + " with a shorter token")
        want(ask(path, auth=token + "x"), (401,), path + " with a longer token")
        want(ask(path, auth="x" * 4000), (401, 431), path + " with a long token")
        want(ask(path, name="evil.example"), (421,), path + " for another host")
        want(ask(path, name=""), (400, 421), path + " for no host")
        want(ask(path, headers=["Origin: http://evil.example"]), (403,), path + " from another's page")
        want(ask(path, headers=["Origin: null"]), (403,), path + " from a page without an origin")
        want(ask(path, headers=["Origin: http://%s:%d" % (host, port)]), (200,), path + " from its own page")
        want(ask(path, method="POST"), (405,), path + " by POST")
        want(ask(path, method="DELETE"), (405,), path + " by DELETE")
        want(ask(path + ("&" if "?" in path else "?") + "nonsense=1"), (400,), path + " with an unknown argument")
        want(ask(path.split("?")[0] + "/../../etc/passwd"), (404,), path + " with dots")
        want(ask(path.split("?")[0] + "%00"), (400, 404), path + " with a NUL")
        want(ask(path + ("&" if "?" in path else "?") + "a=" + "b" * 9000), (400, 414, 431), path + " with a long argument")
        want(ask(path, headers=["Content-Length: 5"], body=b"hello"), (413,), path + " with a body")
    want(ask("/v1/version", name="sensor.example"), (200,), "a host of api.hosts")
    want(ask("/v1/version", name="localhost:%d" % port), (200,), "localhost")
    for path in POST:
        want(ask(path, method="POST", auth=None), (401,), path + " without a token")
        want(ask(path), (405,), path + " by GET")
        want(ask(path, method="POST", headers=["Origin: http://evil.example"]), (403,), path + " from another's page")
        want(ask(path, method="POST", headers=["Content-Length: 0"]), (400, 404, 409), path + " about nothing that is there")
    for path in ["/", "//", "/v1", "/v1/", "/V1/status", "/v1/status/", "/%2e%2e/etc/passwd", "/v1/status%20", "/\xff\xfe", "*"]:
        status = ask(path)
        want(status, (200, 404, 400) if path == "/" else (404, 400), "path " + ascii(path))
    want(ask("/v1/status", headers=["X: " + "y" * 20000]), (431, 413, 400), "long headers")
else:
    # A body without end, as far as it is taken.
    s = connect()
    s.sendall(("POST /v1/model/import HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
               % (host, port, token, 1 << 30)).encode())
    sent = 0
    s.settimeout(10)
    try:
        while sent < 1 << 30:
            sent += s.send(b"x" * 65536)
    except OSError:
        pass
    s.close()
    want(sent > 1 << 20, (True,), "a body is read up to its limit")
    print("of a body of 1 GiB %d bytes were taken, core grew by %d KiB" % (sent, rss() - before))
    # Connections that say a little and then nothing: more than there are places.
    slow = []
    for i in range(200):
        try:
            s = socket.create_connection((host, port), timeout=5)
            s.sendall(b"GET /v1/status HTTP/1.1\r\nHost: ")
            slow.append(s)
        except OSError:
            pass
    for x in slow:
        x.close()
    end = time.monotonic() + 45
    while ask("/v1/version") != 200 and time.monotonic() < end:
        time.sleep(0.5)
    want(ask("/v1/version"), (200,), "after the slow ones")
if rss() - before > 65536:
    failures += 1
    print("core grew by %d KiB" % (rss() - before))
sys.exit(1 if failures else 0)
