#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTPS servers for tests/netns/feeds.sh: feeds_server.py DIR ADDRESS. DIR/www holds what is served; good.pem, stranger.pem,
expired.pem and other.pem are certificate and key of ports 443 to 446. What was asked goes to DIR/asked, one line each."""
import gzip
import http.server
import os
import ssl
import sys
import threading
import time

DIR, ADDRESS = sys.argv[1:3]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def head(self, status, length=None, **headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def pour(self, chunk, every, limit):
        try:
            for _ in range(limit):
                self.wfile.write(chunk)
                self.wfile.flush()
                time.sleep(every)
        except OSError:
            pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(f"{DIR}/posted", "ab") as f:
            f.write(body)
        self.head(204, 0)

    def do_GET(self):
        with open(f"{DIR}/asked", "a", encoding="utf-8") as f:
            f.write(f"{self.path} {self.headers.get('If-None-Match', '-')}\n")
        to = {"/to-http": f"http://{ADDRESS}/list", "/to-file": "file:///etc/passwd", "/to-private": "https://10.99.99.2/list",
              "/to-loopback": "https://127.0.0.1/list", "/to-mapped": "https://[::ffff:10.99.99.2]/list", "/to-self": "/list",
              "/to-name": "https://inside.pierglass.test/list", "/to-loop": "/to-loop"}
        if self.path in to:
            self.head(302, 0, Location=to[self.path])
        elif self.path == "/endless":
            self.head(200)
            self.pour(b"198.51.100.7\n" * 5000, 0, 100000)
        elif self.path == "/slow":
            self.head(200, 1000000)
            self.pour(b"1", 0.2, 100)
        elif self.path == "/cut":
            self.head(200, 100000)
            self.wfile.write(b"198.51.100.7\n")
        elif self.path == "/bomb":
            data = gzip.compress(bytes(64 << 20))
            self.head(200, len(data), Content_Encoding="gzip")
            self.pour(data, 0, 1)
        else:
            self.serve()

    def serve(self):
        try:
            with open(f"{DIR}/www{self.path}", "rb") as f:
                data = f.read()
        except OSError:
            self.head(404, 0)
            return
        tag = f'"{len(data)}-{os.stat(DIR + "/www" + self.path).st_mtime_ns}"'
        if self.headers.get("If-None-Match") == tag:
            self.head(304, ETag=tag)
        else:
            self.head(200, len(data), ETag=tag)
            self.wfile.write(data)


def serve(port, cert):
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{DIR}/{cert}.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


for number, name in enumerate(("good", "stranger", "expired", "other")):
    serve(443 + number, name)
threading.Thread(target=http.server.ThreadingHTTPServer(("0.0.0.0", 80), Handler).serve_forever, daemon=True).start()
open(f"{DIR}/serving", "w", encoding="utf-8").close()
threading.Event().wait()
