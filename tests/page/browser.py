# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's chromium without a window, driven by the DevTools protocol over two pipes (no port, no library). What it asked of the
network, its dialogs, its errors are kept."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


class Browser:
    def __init__(self, width=1400, height=900):
        self.dir = tempfile.mkdtemp(prefix="pg-page-")
        ours_out, its_in = os.pipe()[::-1]
        ours_in, its_out = os.pipe()
        program = shutil.which("chromium") or shutil.which("chromium-headless-shell")

        def ends():
            os.dup2(its_in, 103)
            os.dup2(its_out, 104)
            os.dup2(103, 3)
            os.dup2(104, 4)

        self.process = subprocess.Popen([program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--user-data-dir=" + self.dir,
                                         "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                                         "--disable-extensions", "--no-proxy-server", "--hide-scrollbars", "--window-size=%d,%d" % (width, height), "about:blank"],
                                        preexec_fn=ends, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(its_in)
        os.close(its_out)
        self.to, self.of, self.rest, self.number, self.answers = ours_out, ours_in, b"", 0, {}
        self.requests, self.dialogs, self.errors, self.session = [], [], [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for name in ("Page", "Runtime", "Network", "Log"):
            self.call(name + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def take(self, end):
        """One more message, or none until end."""
        while b"\0" not in self.rest:
            if not select.select([self.of], [], [], max(0, end - time.monotonic()))[0]:
                return False
            got = os.read(self.of, 1 << 20)
            if not got:
                raise RuntimeError("the browser is gone")
            self.rest += got
        text, self.rest = self.rest.split(b"\0", 1)
        m = json.loads(text)
        what = m.get("method")
        if "id" in m:
            self.answers[m["id"]] = m
        elif what == "Network.requestWillBeSent":
            self.requests.append(m["params"]["request"]["url"])
        elif what == "Page.javascriptDialogOpening":
            self.dialogs.append(m["params"]["message"])
            self.send("Page.handleJavaScriptDialog", accept=False)
        elif what == "Runtime.exceptionThrown":
            d = m["params"]["exceptionDetails"]
            self.errors.append(d.get("exception", {}).get("description") or d["text"])
        elif what == "Log.entryAdded" and m["params"]["entry"]["level"] == "error":
            self.errors.append(m["params"]["entry"]["text"] + " " + m["params"]["entry"].get("url", ""))
        return True

    def send(self, method, **params):
        self.number += 1
        m = {"id": self.number, "method": method, "params": params}
        if self.session:
            m["sessionId"] = self.session
        os.write(self.to, json.dumps(m).encode() + b"\0")
        return self.number

    def call(self, method, **params):
        n, end = self.send(method, **params), time.monotonic() + 60
        while n not in self.answers:
            if not self.take(end) and time.monotonic() > end:
                raise RuntimeError(method + ": no answer")
        m = self.answers.pop(n)
        if "error" in m:
            raise RuntimeError(method + ": " + m["error"]["message"])
        return m["result"]

    def run(self, script):
        """The value of an expression (awaited)."""
        r = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            raise RuntimeError(script + ": " + (r["exceptionDetails"].get("exception", {}).get("description") or r["exceptionDetails"]["text"]))
        return r["result"].get("value")

    def until(self, script, seconds=15):
        """Waits until the expression is true; its value, or the last one."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(script)
            if value or time.monotonic() > end:
                return value
            self.take(time.monotonic() + 0.05)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def dark(self, dark):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def key(self, key, code=None, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, text=text if kind == "keyDown" else "",
                      windowsVirtualKeyCode={"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}.get(key, 0))

    def picture(self, path):
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
