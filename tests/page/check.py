# SPDX-License-Identifier: GPL-2.0-or-later
"""check.py URL TOKEN DO BUILD: the page of the sensor at URL in a browser; DO is a script that changes the world (see
tests/docker/page.sh), BUILD where screenshots go. Prints lines "ok NAME", "not-ok NAME", "# NOTE"."""
import json
import os
import subprocess
import sys
import time

import jsonschema

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser  # noqa: E402
import large  # noqa: E402

url, token, world, build = sys.argv[1:5]
Q = json.dumps


def judge(name, good, why=None):
    print(("ok " if good else "not-ok ") + name, flush=True)
    if not good and why is not None:
        print("# " + str(why)[:1500].replace("\n", " "), flush=True)
    return good


def do(*what):
    return subprocess.run(["bash", world, *what], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=30).stdout.decode()


b = Browser()


def text(selector):
    return b.run("[...document.querySelectorAll(%s)].map((e) => e.textContent).join('\\n')" % Q(selector))


def go(view, **more):
    b.run("location.hash = new URLSearchParams(%s)" % Q({"view": view, **more}))
    b.until("document.getElementById('main').dataset.view === %s" % Q(view))


def click(selector):
    if not b.until("!!document.querySelector(%s)" % Q(selector), 10):
        raise RuntimeError("there is no " + selector)
    b.run("document.querySelector(%s).click()" % Q(selector))


def picture(name, dark=False):
    b.dark(dark)
    b.picture(os.path.join(build, "page-%s.png" % name))
    b.dark(False)


def enter(word):
    b.run("document.querySelector('#login input').value = %s" % Q(word))
    click('#login [data-act="login"]')


HAS = "[...document.querySelectorAll(%s)].some((e) => e.textContent.includes(%s))"


def shows(selector, word, seconds=15):
    return judge_value(HAS % (Q(selector), Q(word)), seconds)


def judge_value(script, seconds):
    return bool(b.until(script, seconds))


def who_may():
    b.open(url)
    judge("without a token it asks for one, and shows nothing", judge_value("!!document.getElementById('login')", 15) and not b.run("document.querySelectorAll('.box').length"))
    enter("wrong-" + token[:20])
    judge("a wrong token is refused in words", shows("#login .error", "does not take this token"), text("#login"))
    b.run("sessionStorage.clear(); window.old = 1")
    b.call("Page.reload")
    b.until("!window.old && !!document.getElementById('login')")
    enter(token)
    judge("with the token the map comes", judge_value("document.querySelectorAll('#map .box').length >= 4", 20))
    judge("the token is in no address", not any(token in r for r in b.requests) and token not in b.run("location.href"))


def the_map():
    titles = "[...document.querySelectorAll('#map .box')].map((g) => g.box.key)"
    wanted = ["s:shop", "w:shop/web", "w:shop/client"]
    good = b.until("%s.every((k) => %s.includes(k))" % (Q(wanted), titles), 10)
    judge("the map: stack, services", good, b.run(titles))
    judge("the map: the outside", b.until("%s.some((k) => k.includes('203.0.113.9'))" % titles, 10), b.run(titles))
    keys = "[...document.querySelectorAll('#map .edge')].map((g) => g.line.key)"
    judge("the map: client asks web, and the outside", b.until("%s.includes('w:shop/client\\nw:shop/web') && %s.some((k) => k.startsWith('w:shop/client') && k.includes('203.0.113.9'))" % (keys, keys), 10), b.run(keys))
    judge("edges carry protocol and rate", b.until("[...document.querySelectorAll('#map .label')].some((t) => /HTTP :80 · .*B\\/s/.test(t.textContent))", 15), text("#map .label"))
    judge("expected edges are shown as such", b.until("[...document.querySelectorAll('#map .edge')].some((g) => g.line.key === 'w:shop/client\\nw:shop/web' && g.classList.contains('known'))", 10),
          b.run("JSON.stringify(data.map.edges.map((e) => [e.client, e.server, e.source]))"))
    picture("map")
    before = b.run("[...document.querySelectorAll('#map .box')].map((g) => g.box.key + g.getAttribute('transform')).join()")
    begin = time.monotonic()
    do("late")
    judge("a new container's edge appears", b.until("%s.includes('w:shop/late\\nw:shop/web')" % keys, 20), b.run(keys))
    print("# from `docker run` to the edge in the picture: %.1f s" % (time.monotonic() - begin))
    after = b.run("[...document.querySelectorAll('#map .box')].map((g) => g.box.key + g.getAttribute('transform')).join()")
    same = sum(1 for k in before.split("),") if k.split("translate(")[0] in after)
    judge("those that were there are still there", same >= 4, after)


def by_keyboard():
    b.run("document.activeElement.blur(); document.body.focus()")
    for _ in range(60):
        b.key("Tab")
        if b.run("document.activeElement.box?.key === 'w:shop/web'"):
            break
    judge("a box is reached by Tab, and named", b.run("document.activeElement.getAttribute('aria-label') || ''").startswith("web, 1 container"), b.run("document.activeElement.outerHTML.slice(0, 300)"))
    b.key("Enter")
    judge("Enter shows its details", shows("#details", "/usr/sbin/apache2"), text("#details"))
    judge("what is declared, by file and line", shows("#details", "/etc/apache2/ports.conf:5"), text("#details"))
    b.key("Escape")
    judge("the selection is in the address, and Escape ends it", b.until("!location.hash.includes('sel=')", 5))
    b.run("document.activeElement.blur(); document.body.focus()")
    for _ in range(60):
        b.key("Tab")
        if b.run("document.activeElement.line?.key === 'w:shop/client\\nw:shop/web'"):
            break
    judge("a line is reached by Tab, and named", "client to web, HTTP" in b.run("document.activeElement.getAttribute('aria-label') || ''"), b.run("document.activeElement.outerHTML.slice(0, 300)"))
    b.key("Enter")
    judge("Enter shows both ends' programs", shows("#details", "/usr/bin/curl"), text("#details"))
    b.key("Escape")
    b.until("!location.hash.includes('sel=')", 5)
    bad = b.run("[...document.querySelectorAll('button, input, select, [role=button]')].filter((e) => e.checkVisibility() && !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map((e) => e.outerHTML.slice(0, 120)).join(' ')")
    judge("everything that can be pressed has a name", not bad, bad)


def a_line():
    go("map", sel="line:w:shop/client\nw:shop/web")
    judge("an edge: both ends' programs", shows("#details", "/usr/bin/curl") and shows("#details", "/usr/sbin/apache2"), text("#details"))
    judge("an edge: digests", shows("#details .program", "sha256 "), text("#details"))
    judge("an edge: recent flows", b.until("document.querySelectorAll('#details section:last-child tbody tr').length > 0", 10), text("#details"))
    picture("edge-dark", True)
    go("connections", q="server = shop/web and client = shop/client and app = HTTP")
    judge("a filter in the address: an expression, as of the command line", b.until("document.getElementById('filter').value.startsWith('server =') && document.querySelectorAll('#view tbody tr').length === 1", 10), text("#view"))
    go("connections", q="app = HTTP client")
    judge("a filter that is not understood: what and where", shows("#filter-error", "position"), text("#filter-error"))
    go("connections", q="colour = red")
    judge("a filter about what no object has", shows("#filter-error", "No object has the field colour"), text("#filter-error"))
    go("connections", q="client")
    judge("connections: by words", b.until("document.querySelectorAll('#view tbody tr').length >= 1 && ![...document.querySelectorAll('#view tbody tr')].some((r) => !r.textContent.includes('client'))", 10), text("#view"))


def squatter():
    begin = time.monotonic()
    go("listeners")
    judge("a listener: declared, learned, observed", shows("#view tr", "/etc/apache2/ports.conf:5") and shows("#view tr", "/usr/sbin/apache2"), text("#view"))
    do("squat")
    row = "[...document.querySelectorAll('#view tr.bad')].map((r) => r.textContent).join()"
    judge("a squatter is a red listener, with its reason", b.until("/tcp\\/80.*listener\\.squatted.*nc\\.openbsd listens on tcp\\/80.*belongs to another program/.test(%s)" % row, 25), text("#view"))
    print("# from the attack to the red row: %.1f s" % (time.monotonic() - begin))
    picture("listeners")
    go("map", sel="box:w:shop/web")
    judge("on the map it is marked", b.until("[...document.querySelectorAll('#map .box')].some((g) => g.box.key === 'w:shop/web' && g.classList.contains('noted'))", 10))
    judge("beside the map: the finding, and why", shows("#details .findings", "listener.squatted") and shows("#details .why", "belongs to another program"), text("#details"))
    picture("squatter")


def buttons():
    go("findings")
    card = "article[data-key]"
    judge("findings come by themselves", shows(card, "listener.squatted"), text("#view"))
    ident = b.run("data.alerts.find((a) => a.finding === 'listener.squatted').id")
    mine = '[id="f-%s"]' % ident
    picture("findings")
    click(mine + ' [data-act="collect"]')
    click('dialog [data-act="yes"]')
    judge("evidence is collected on demand", b.until("!!document.querySelector(%s)" % Q(mine + ' [data-act="evidence"]'), 30), text("dialog") + text("#done"))
    click(mine + ' [data-act="evidence"]')
    judge("a bundle's files are offered", shows("dialog li", "manifest.json"), text("dialog"))
    b.run("document.querySelector('dialog').close()")
    other = b.run("data.alerts.find((a) => a.finding === 'peer.unlinked' && a.container === 'p-late').id")
    judge("evidence by the command line", "is being made" in do("collect", other) and b.until("!!document.querySelector(%s)" % Q('[id="f-%s"] [data-act="evidence"]' % other), 30))
    click(mine + ' [data-act="block"]')
    judge("block: port filled in from the finding", b.until("document.querySelector('dialog input[name=port]')?.value === 'tcp/80'", 5))
    picture("block-dark", True)
    click('dialog [data-act="yes"]')
    judge("block: the sensor holds it", b.until("!document.querySelector('dialog')", 10) and '"kind":"block"' in do("holds").replace('": "', '":"'), text("dialog") + do("holds"))
    judge("block: the finding says so", shows(mine, "blocked"), text(mine))
    click(mine + ' [data-act="release"]')
    click('dialog [data-act="yes"]')
    judge("release: nothing is held", b.until("!document.querySelector('dialog') && data.policy.holds.length === 0", 10), do("holds"))
    click(mine + ' [data-act="accept"]')
    click('dialog [data-act="yes"]')
    judge("accept: the finding is closed", b.until("data.alerts.find((a) => a.id === %s).accepted" % Q(ident), 10), text("dialog"))
    judge("accept: the listener is expected now", b.until("!document.querySelector('dialog')", 5))


def others():
    go("models", id="shop/web")
    judge("models: state and dimensions", shows("#view .dim", "listener") and shows("#view", "learned"), text("#view"))
    b.run("document.querySelectorAll('.model details').forEach((x) => { x.open = true; })")
    judge("models: facts with their source", shows("#view .model", "/etc/apache2/ports.conf:5"), text("#view .model"))
    picture("models-dark", True)
    go("status")
    judge("status: what was lost is said", shows("#view", "What was lost"))
    picture("status")
    b.call("Emulation.setDeviceMetricsOverride", width=420, height=800, deviceScaleFactor=1, mobile=False)
    go("map")
    judge("a narrow window: nothing sticks out", b.run("document.documentElement.scrollWidth <= 420"), b.run("document.documentElement.scrollWidth"))
    picture("narrow")
    b.call("Emulation.setDeviceMetricsOverride", width=1400, height=900, deviceScaleFactor=1, mobile=False)


def the_past():
    go("map")
    click('[data-act="past"]')
    judge("the past: the map of the last ten minutes, from the history", b.until("data.map.past && data.map.edges.some((e) => e.client === 'shop/client' && e.server === 'shop/web' && e.app === 'HTTP')", 20), b.run("JSON.stringify(data.map).slice(0, 600)"))
    judge("the past: it says which time, and that it is not live", shows("#past", "The map of") and shows("#health", "the past"), text("#past"))
    with open("etc/schema/map.json", encoding="utf-8") as f:
        wrong = [e.message for e in jsonschema.Draft202012Validator(json.load(f)).iter_errors(b.run("get(pathOf('map'))"))]
    judge("the past: as the schema says", not wrong, wrong[:3])
    judge("the past: boxes as ever", b.until("[...document.querySelectorAll('#map .box')].some((g) => g.box.key === 'w:shop/web')", 5))
    picture("past")
    b.run("const t = document.getElementById('time'); t.value = 0; t.onchange({ target: t })")
    judge("the slider moves the time", b.until("location.hash.includes('at=') && data.map.past && Date.parse(data.map.past.until) <= Date.parse(data.map.past.oldest) + 60000", 10), b.run("JSON.stringify(data.map.past)"))
    go("map", at="2020-01-01T00:00:00Z", win="60")
    judge("a time of which nothing is kept: nothing is shown", b.until("data.map.past && !data.map.edges.length && !document.querySelectorAll('#map .box').length", 10), b.run("JSON.stringify(data.map).slice(0, 300)"))
    click('[data-act="now"]')
    judge("and back to now", b.until("!data.map.past && document.querySelectorAll('#map .box').length >= 4", 10))


def hostile():
    for view in ("map", "connections", "findings", "listeners", "models", "status"):
        go(view)
        b.until("0", 0.3)
    go("connections", q="onerror")
    judge("hostile names are text", shows("#view td", "<img src=x onerror=alert(3)>") and shows("#view td", "<svg onload=alert(4)>"), text("#view"))
    judge("hostile names: no dialog", not b.dialogs, b.dialogs)
    judge("hostile names: no element of theirs", not b.run("document.querySelectorAll('img, iframe, svg[onload], body script').length"))
    others_ = [r for r in b.requests if not r.startswith(url) and not r.startswith(("about:", "data:,", "blob:" + url))]
    judge("all %d requests go to the sensor itself" % len(b.requests), not others_, others_[:5])
    errors = [e for e in b.errors if "401 " not in e and not ("400 " in e and "filter=" in e)]
    judge("no error, nothing that its policy had to refuse", not errors, errors[:5])


def saved():
    go("map")
    b.until("!!data.map && !!data.alerts", 10)
    page = b.run("savedPage()")
    path = os.path.abspath(os.path.join(build, "page-saved.html"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(page)
    before, errors = len(b.requests), len(b.errors)
    b.open("file://" + path)
    judge("a saved page shows the map by itself", b.until("[...document.querySelectorAll('#map .box')].some((g) => g.box.key === 'w:shop/web')", 10), b.errors[errors:])
    judge("a saved page says that it is not live", shows("#notice", "not live"), text("#notice"))
    go("findings")
    judge("a saved page: findings, without buttons that need a sensor", shows("article", "peer.unlinked") and not b.run("!!document.querySelector('article [data-act]')"), text("#view"))
    judge("a saved page: no token in it, nothing asked, nothing refused, no dialog", token not in page and all(r.startswith(("file://" + path, "data:,")) for r in b.requests[before:]) and len(b.errors) == errors and not b.dialogs,
          b.requests[before:] + b.errors[errors:])


def honest():
    go("map")
    do("gone")
    judge("a sensor that hangs: the page says that what it shows is old", shows("#notice", "late", 25) or shows("#notice", "old", 1), text("header") + text("#notice"))
    picture("late")
    do("back")
    judge("... and when it is back, no more", b.until("document.getElementById('notice').hidden || !/late|old/.test(document.getElementById('notice').textContent)", 25), text("#notice"))


try:
    for step in (who_may, the_map, by_keyboard, a_line, squatter, buttons, others, the_past, hostile, honest, saved):
        begun = time.monotonic()
        try:
            step()
            print("# %s: %.1f s" % (step.__name__, time.monotonic() - begun), flush=True)
        except (RuntimeError, subprocess.TimeoutExpired) as e:
            judge("%s goes through" % step.__name__, False, e)
    large.check(b, judge, picture)
finally:
    b.close()
