#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One conversation with each server of the table, by its usual client where Debian has one (else by a library, else by hand).
clients.py TABLE HOST [relay] [NAME...]: prints a line for each; relay: through 127.0.0.1:20000+N, only those that speak TCP."""
import asyncio
import concurrent.futures
import ftplib
import imaplib
import os
import poplib
import smtplib
import socket
import struct
import subprocess
import sys
import time
import warnings

SECONDS = 25
warnings.simplefilter("ignore")  # telnetlib is deprecated


def run(*args, ok=(0,), env=None):
    r = subprocess.run(args, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    if r.returncode not in ok:
        raise RuntimeError(f"{args[0]} {r.returncode}: {(r.stderr or r.stdout)[-200:]!r}")
    return r.stdout + r.stderr


def says(host, port, *lines, udp=False, pause=0.0):
    """Lines are sent, and after each an answer is waited for; one that is None only waits."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as s:
        s.settimeout(SECONDS)
        s.connect((host, port))
        got = b""
        for line in lines:
            if line is not None:
                s.sendall(line)
            got += s.recv(65536)
            time.sleep(pause)
        return got


def bracket(host):
    return f"[{host}]" if ":" in host else host


def url(host, port):
    return f"{bracket(host)}:{port}"


def http(h, p): run("curl", "-sf", f"http://{url(h, p)}/")
def tls(h, p): run("curl", "-skf", f"https://{url(h, p)}/")
def h2c(h, p): run("curl", "-s", "--http2-prior-knowledge", f"http://{url(h, p)}/")


def websocket(h, p):
    import websockets

    async def talk():
        async with websockets.connect(f"ws://{url(h, p)}/chat") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
    asyncio.run(asyncio.wait_for(talk(), SECONDS))


def ssh(h, p):
    out = run("ssh", "-p", str(p), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", h,
              "true", ok=(0, 255))
    assert b"Permission denied" in out, out


def mysql(h, p): run("mariadb", "-h", h, "-P", str(p), "-ut", "-pt", "-e", "select 1")
def postgresql(h, p): run("psql", "-h", h, "-p", str(p), "-U", "postgres", "-c", "select 1", env={"PGSSLMODE": "disable"})
def redis(h, p): run("redis-cli", "-h", h, "-p", str(p), "set", "a", "b")
def memcached(h, p): says(h, p, b"set a 0 60 5\r\nhello\r\n", b"get a\r\n")


def mongodb(h, p):
    import pymongo
    c = pymongo.MongoClient(bracket(h), p, serverSelectionTimeoutMS=SECONDS * 1000, directConnection=True)
    c.admin.command("ping")
    c.close()


def amqp(h, p):
    import pika
    c = pika.BlockingConnection(pika.ConnectionParameters(h, p, socket_timeout=SECONDS))
    c.channel().queue_declare("q")
    c.close()


def mqtt(h, p): run("mosquitto_pub", "-h", h, "-p", str(p), "-q", "1", "-t", "a", "-m", "b")


def smtp(h, p):
    with smtplib.SMTP(h, p, "client.example", timeout=SECONDS) as s:
        s.sendmail("a@client.example", ["root@shop.example"], "Subject: x\r\n\r\nhello\r\n")


def imap(h, p):
    c = imaplib.IMAP4(h, p, timeout=SECONDS)
    c.login("joe", "t")
    c.list()
    c.logout()


def pop3(h, p):
    c = poplib.POP3(h, p, timeout=SECONDS)
    c.user("joe")
    c.pass_("t")
    c.stat()
    c.quit()


def ftp(h, p):
    c = ftplib.FTP(timeout=SECONDS)
    c.connect(h, p)
    c.login()
    c.pwd()
    c.quit()


def ldap(h, p): run("ldapsearch", "-x", "-H", f"ldap://{url(h, p)}", "-s", "base", "-b", "")
def dns(h, p): assert b"192.0.2.7" in run("dig", f"@{h}", "-p", str(p), "shop.example")
def dns_tcp(h, p): assert b"192.0.2.7" in run("dig", f"@{h}", "-p", str(p), "+tcp", "shop.example")
def ntp(h, p): run("chronyd", "-Q", "-f", "/dev/null", "-t", "8", f"server {h} port {p} iburst maxsamples 1")


def snmp(h, p):
    run("snmpget", "-v2c", "-c", "public", f"{'udp6' if ':' in h else 'udp'}:{url(h, p)}", ".1.3.6.1.2.1.1.1.0")


def zookeeper(h, p):
    from kazoo.client import KazooClient
    c = KazooClient(hosts=url(h, p), timeout=SECONDS)
    c.start(timeout=SECONDS)
    c.get_children("/")
    c.stop()


def kafka(h, p): run("kcat", "-L", "-b", url(h, p), "-m", str(SECONDS), "-X", "api.version.request.timeout.ms=20000")


def etcd(h, p):
    run("etcdctl", "--endpoints", f"http://{url(h, p)}", "--dial-timeout=20s", "--command-timeout=20s", "put", "a", "b", env={"ETCDCTL_API": "3"})


def nats(h, p): says(h, p, None, b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n', b"SUB a 1\r\nPUB a 5\r\nhello\r\n")
def socks(h, p): run("curl", "-sf", "--socks5", url(h, p), "http://127.0.0.1/")


def fastcgi(h, p):
    def record(kind, body):
        return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body
    def pair(k, v):
        return bytes([len(k), len(v)]) + k + v
    params = pair(b"SCRIPT_FILENAME", b"/srv/x.php") + pair(b"REQUEST_METHOD", b"GET")
    says(h, p, record(1, struct.pack(">HB5x", 1, 0)) + record(4, params) + record(4, b"") + record(5, b""))


def rsync(h, p): run("rsync", f"rsync://{url(h, p)}/")
def git(h, p): run("git", "ls-remote", f"git://{url(h, p)}/shop.git")


def telnet(h, p):
    import telnetlib
    c = telnetlib.Telnet(h, p, SECONDS)
    assert c.read_until(b"login: ", SECONDS)
    c.write(b"joe\n")
    c.read_until(b"word: ", SECONDS)
    c.close()


def vnc(h, p): says(h, p, None, b"RFB 003.008\n", b"\x01", b"\x01")


def sip(h, p):
    if ":" not in h:
        return run("sipsak", "-s", f"sip:joe@{h}:{p}", ok=(0, 1))
    return says(h, p, f"OPTIONS sip:joe@[{h}] SIP/2.0\r\nVia: SIP/2.0/UDP [{h}]:5060;branch=z9hG4bK1;rport\r\nFrom: <sip:a@b>;tag=1\r\n"
                f"To: <sip:joe@[{h}]>\r\nCall-ID: 1@b\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode(), udp=True)


def syslog(h, p): run("logger", "-n", h, "-P", str(p), "--udp", "-p", "auth.info", "-t", "sshd", "Accepted publickey for joe")
def syslog_tcp(h, p): run("logger", "-n", h, "-P", str(p), "--tcp", "--octet-count", "-p", "auth.info", "-t", "sshd", "Accepted publickey for joe")


def grpc(h, p):
    import grpc as g
    with g.insecure_channel(url(h, p)) as c:
        c.unary_unary("/shop.Greeter/Hello")(b"\n\x03joe", timeout=SECONDS)


def irc(h, p): says(h, p, b"NICK joe\r\nUSER joe 0 * :Joe\r\n", b"JOIN #a\r\n", b"QUIT :bye\r\n")
def tftp(h, p): assert run("curl", "-sf", f"tftp://{url(h, p)}/hello") == b"hello\n"


def stun(h, p):
    request = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + os.urandom(12)
    assert says(h, p, request, udp=True)[:2] == b"\x01\x01"


def attempt(name, host, port):
    start = time.monotonic()
    try:
        globals()[name](host, port)
        return f"ok {name} {time.monotonic() - start:.1f}"
    except Exception as e:  # whatever a client says: the line is the report
        return f"failed {name} {type(e).__name__}: {e}".replace("\n", " ")


def main():
    table, host, relay = sys.argv[1], sys.argv[2], "relay" in sys.argv[3:]
    only = [a for a in sys.argv[3:] if a != "relay"]
    rows = [line.split() for line in open(table) if not line.startswith("#")]
    with concurrent.futures.ProcessPoolExecutor(8) as pool:
        jobs = [pool.submit(attempt, name, "127.0.0.1" if relay else host, 20000 + n if relay else int(port))
                for n, (name, transport, port, _) in enumerate(rows, 1)
                if not (relay and transport == "udp") and (not only or name in only)]
        for job in concurrent.futures.as_completed(jobs):
            print(job.result(), flush=True)


if __name__ == "__main__":
    main()
