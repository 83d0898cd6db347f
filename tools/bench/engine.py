#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A stand-in for the Docker engine: answers a few GET requests on a unix socket from JSON files in a directory.

engine.py SOCKET DIR      GET /vX.Y/containers/ID/json is DIR/containers_ID_json; what is not there is 404; /events never ends.
The bench runs it inside the namespaces of its lab, so that the real sensor runs with all its programs and finds the
sandboxes below /proc/<pid of this>/root/run/docker/netns as it does with a real engine.
"""
import http.server
import os
import re
import socketserver
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = re.sub(r"^/v[0-9.]+/", "/", self.path.split("?")[0]).strip("/")
        if path == "events":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while True:
                time.sleep(60)
        try:
            with open(os.path.join(self.server.answers, path.replace("/", "_")), "rb") as f:
                status, body = 200, f.read()
        except OSError:
            status, body = 404, b'{"message":"no such thing"}\n'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Api-Version", "1.41")
        self.send_header("Server", "Docker/20.10.24 (linux)")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    Server.answers = sys.argv[2]
    with Server(sys.argv[1], Handler) as s:
        print("serving", flush=True)
        s.serve_forever()
