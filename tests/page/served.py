# SPDX-License-Identifier: GPL-2.0-or-later
"""The page's files and canned answers of the API, for tests of the page alone. Requests need the token, as with a sensor."""
import http.server
import json
import os
import re
import threading

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TOKEN = "token-of-the-test"


def read(path):
    with open(os.path.join(ROOT, path), "rb") as f:
        return f.read()


def page_files():
    """What sensor/core/page.c embeds, in its order and with its policy."""
    source = read("sensor/core/page.c").decode()
    policy = "".join(re.findall(r'"([^"]*)"', re.search(r"#define PAGE_POLICY(.*?)\n\n", read("sensor/core/page.h").decode(), re.S).group(1)))
    names = re.findall(r'incbin \\"(tools/web/[^\\]+)', source)
    scripts = b"".join(read(n) for n in names if n.endswith(".js"))
    return policy, {"/": ("text/html; charset=utf-8", read("tools/web/index.html")), "/app.css": ("text/css; charset=utf-8", read("tools/web/app.css")), "/app.js": ("text/javascript; charset=utf-8", scripts)}


class Served:
    def __init__(self, answers):
        """answers: path without arguments: JSON text (bytes), or a function of the request's path."""
        policy, files = page_files()
        self.posts = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, kind, body):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                path = self.path.split("?")[0]
                if path in files:
                    self.answer(200, *files[path])
                elif self.headers.get("Authorization") != "Bearer " + TOKEN:
                    self.answer(401, "application/json", b'{"error":"a token is needed"}')
                elif path.endswith("/stream"):
                    self.send_response(200)
                    self.send_header("Content-Type", "text/event-stream")
                    self.end_headers()
                    self.wfile.write(b": hello\n\n")
                    self.wfile.flush()
                    outer.streams.append((path, self.headers.get("Last-Event-ID", "")))
                    while not outer.over.wait(0.05):
                        said = outer.says.pop(path, None)
                        if said == b"":
                            break
                        if said:
                            self.wfile.write(said)
                            self.wfile.flush()
                    self.close_connection = True
                elif path in answers:
                    a = answers[path]
                    self.answer(200, "application/json", a(self.path) if callable(a) else a)
                else:
                    self.answer(404, "application/json", b'{"error":"not here"}')

            def do_POST(self):
                outer.posts.append(self.path)
                self.answer(200, "application/json", b'{"done":"done","workload":"","count":1}')

            def log_message(self, *_):
                pass

        self.over = threading.Event()
        self.says = {}     # path of a stream: what it says next; b"": it ends
        self.streams = []  # (path, Last-Event-ID) of those that were asked for
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.over.set()
        self.server.shutdown()


def directory(path):
    """The files of a directory as answers: map.json is /v1/map."""
    return {"/v1/" + n[:-5]: open(os.path.join(path, n), "rb").read() for n in os.listdir(path) if n.endswith(".json")}


def text(thing):
    return json.dumps(thing).encode()
