// SPDX-License-Identifier: GPL-2.0-or-later
// The map's boxes and where they stand: stacks, their services, the node, the outside world. Places are kept once given: what
// did not change does not move. "Arrange" forgets them.

const SHOWN_MAX = 330, EDGES_MAX = 160, INSIDE_MAX = 200;
const W = 176, GAP_X = 130, GAP_IN = 150, GAP_Y = 20, PAD = 14, HEAD = 34;
const places = new Map(); // group key: Map of id: [column, row]
const side = { of: '', x: 0 }; // where the right-hand groups stand, for what is opened and filtered

const GROUPS = { 'x:in': 'Who asks us', 'x:out': 'Whom we ask', 'n:': 'This node', 's:': 'No stack' };

function stackOf(n, outgoing) {
  if (n.kind === 'host' || n.kind === 'gateway') return 'n:';
  if (n.kind === 'external') return outgoing.has(n.id) && outgoing.get(n.id) !== 'both' ? 'x:in' : 'x:out';
  const at = n.workload.indexOf('/');
  return 's:' + (at > 0 ? n.workload.slice(0, at) : '');
}
const groupName = (key) => GROUPS[key] || key.slice(2);
const nodeName = (n) => n.kind === 'external' ? n.id.replace(/^ext:/, '') : n.kind === 'gateway' || n.kind === 'host' ? n.id :
  n.workload.includes('/') ? n.workload.slice(n.workload.indexOf('/') + 1) : n.workload || n.id;

// Columns: the longest way from who only asks to who only answers; what closes a circle goes back.
function columns(ids, pairs) {
  const out = new Map(ids.map((i) => [i, []])), asked = new Set(), seen = new Map(), order = [], back = new Set();
  for (const [a, b] of pairs) {
    if (a === b || !out.has(a) || !out.has(b)) continue;
    out.get(a).push(b);
    asked.add(b);
  }
  const visit = (root) => {
    const todo = [[root, 0]];
    seen.set(root, 1);
    while (todo.length) {
      const top = todo[todo.length - 1], next = out.get(top[0])[top[1]++];
      if (next === undefined) {
        seen.set(top[0], 2);
        order.unshift(top[0]);
        todo.pop();
      } else if (seen.get(next) === 1) {
        back.add(top[0] + '\n' + next);
      } else if (!seen.get(next)) {
        seen.set(next, 1);
        todo.push([next, 0]);
      }
    }
  };
  for (const i of ids) if (!asked.has(i) && !seen.get(i)) visit(i);
  for (const i of ids) if (!seen.get(i)) visit(i);
  const col = new Map(ids.map((i) => [i, 0]));
  for (const a of order) for (const b of out.get(a)) if (!back.has(a + '\n' + b)) col.set(b, Math.max(col.get(b), col.get(a) + 1));
  return col;
}

// Gives each id a place below key: the old one, or one by its column at the first free row; many ids stand in a grid.
function place(key, ids, pairs) {
  const kept = places.get(key) || new Map(), taken = new Set(), fresh = [];
  for (const i of ids) {
    if (kept.has(i)) taken.add(kept.get(i).join());
    else fresh.push(i);
  }
  if (fresh.length) {
    const width = kept.width || Math.max(3, Math.ceil(Math.sqrt(ids.length) * 0.9)), grid = ids.length > 24;
    kept.width = grid ? width : 0;
    const col = grid ? null : columns(ids, pairs);
    const rows = [];
    if (!kept.size && !grid) order(fresh, col, pairs);
    for (const i of fresh) {
      let c = grid ? 0 : col.get(i), r = rows[c] || 0;
      if (grid) {
        for (r = 0; taken.has(c + ',' + r); c + 1 < width ? c++ : (c = 0, r++));
      } else {
        while (taken.has(c + ',' + r)) r++;
        rows[c] = r + 1;
      }
      kept.set(i, [c, r]);
      taken.add(c + ',' + r);
    }
  }
  places.set(key, kept);
  return kept;
}

// Within a column by the mean of the neighbours: fewer crossings.
function order(ids, col, pairs) {
  const row = new Map(ids.map((i, n) => [i, n])), near = new Map(ids.map((i) => [i, []]));
  for (const [a, b] of pairs) if (near.has(a) && near.has(b)) { near.get(a).push(b); near.get(b).push(a); }
  for (let turn = 0; turn < 6; turn++) {
    const mean = new Map(ids.map((i) => [i, near.get(i).length ? sum(near.get(i), (x) => row.get(x)) / near.get(i).length : row.get(i)]));
    ids.sort((a, b) => col.get(a) - col.get(b) || mean.get(a) - mean.get(b) || (a < b ? -1 : 1));
    let c = -1, r = 0;
    for (const i of ids) { if (col.get(i) !== c) { c = col.get(i); r = 0; } row.set(i, r++); }
  }
}

// Puts boxes (with w, h) by their columns and rows; returns the size.
function putColumns(boxes, at, x0, y0, gapX) {
  const cols = [];
  for (const b of boxes) {
    const [c, r] = at.get(b.id);
    (cols[c] = cols[c] || []).push([r, b]);
  }
  let x = x0, bottom = y0, end = x0;
  for (const col of cols) {
    if (!col) continue;
    const width = Math.max(...col.map(([, b]) => b.w));
    let y = y0;
    for (const [, b] of col.sort(by(([r]) => r))) {
      b.x = x + (width - b.w) / 2;
      b.y = y;
      y += b.h + GAP_Y;
    }
    end = x + width;
    x += width + gapX;
    bottom = Math.max(bottom, y - GAP_Y);
  }
  return { w: end - x0, h: bottom - y0 };
}

function shift(b, dx, dy) {
  b.x += dx;
  b.y += dy;
  for (const i of b.inside || []) shift(i, dx, dy);
}

// Outside addresses stand together by network operator and country, where a database knows them.
const asKey = (n, group) => n.kind === 'external' && (n.asn || n.country) ? ['a', group, n.asn || '', n.country || ''].join(':') : '';
function asBoxes(g, nodes, at) {
  const boxes = new Map();
  for (const n of nodes) {
    const key = asKey(n, g.key);
    if (!boxes.has(key)) boxes.set(key, { id: key, key, group: g.key, kind: 'external', w: W, canOpen: true, open: state.open.has(key), nodes: [], lines: [] });
    boxes.get(key).nodes.push(n);
    at.set(n.id, boxes.get(key));
  }
  for (const b of boxes.values()) {
    const n = b.nodes[0], names = b.open ? b.nodes.slice(0, 12).map(nodeName) : [];
    b.title = n.as_org || (n.asn ? 'AS' + n.asn : n.country);
    b.sub = [n.country, n.asn ? 'AS' + n.asn : '', plural(b.nodes.length, 'address', 'addresses')].filter(Boolean).join(' · ');
    b.lines = names.concat(b.open && b.nodes.length > names.length ? ['and ' + (b.nodes.length - names.length) + ' more'] : []);
    b.h = 46 + b.lines.length * 16;
  }
  return [...boxes.values()];
}

function serviceBox(n, g) {
  const open = state.open.has('w:' + n.id), names = open ? n.containers.slice(0, 8) : [];
  const more = open ? n.containers.length - names.length + n.containers_more : 0;
  const lines = names.concat(more ? ['and ' + more + ' more'] : []);
  const small = n.kind === 'external' || n.kind === 'gateway' || n.kind === 'host';
  const count = n.containers.length + n.containers_more;
  const where = [n.country, n.as_org || (n.asn ? 'AS' + n.asn : '')].filter(Boolean).join(' · ');
  return { id: n.id, key: 'w:' + n.id, node: n, group: g.key, title: nodeName(n), kind: n.kind, w: W, lines, open, canOpen: !small && count > 0,
    sub: small ? where : plural(count, 'container'), h: (small && !where ? 30 : 46) + lines.length * 16 };
}

// Outside addresses: 'asks' when it only asks us, 'both' when we ask it.
function askers(map) {
  const asks = new Map(), outside = new Set(map.nodes.filter((n) => n.kind === 'external').map((n) => n.id));
  for (const e of map.edges) {
    if (outside.has(e.client)) asks.set(e.client, asks.get(e.client) || 'asks');
    if (outside.has(e.server)) asks.set(e.server, 'both');
  }
  return asks;
}

function edgeMatches(e, a, b, st) {
  if (state.net && !a.networks.includes(state.net) && !b.networks.includes(state.net)) return false;
  return !terms(state.q).length || matches([e.client, e.server, app(e), e.host, port(e), STATE_NAME[st] || st, e.source, e.verdict, a.country, a.as_org, b.country, b.as_org, ...e.client_exes, ...e.server_exes].join(' '), state.q);
}

// The scene: boxes, edges between boxes that are shown, what was left out.
function scene(map) {
  const pairs = findingsByPair(), nodes = new Map(map.nodes.map((n) => [n.id, n])), asks = askers(map), busy = new Map();
  for (const e of map.edges) {
    const n = e.bytes_to_server + e.bytes_to_client;
    busy.set(e.client, (busy.get(e.client) || 0) + n);
    busy.set(e.server, (busy.get(e.server) || 0) + n);
  }
  const edges = [], wanted = new Set();
  for (const e of map.edges) {
    const a = nodes.get(e.client), b = nodes.get(e.server);
    if (!a || !b) continue;
    const st = edgeState(e, pairs);
    if (!edgeMatches(e, a, b, st)) continue;
    edges.push({ e, st });
    wanted.add(a.id).add(b.id);
  }
  const groups = new Map();
  for (const n of map.nodes) {
    if (!wanted.has(n.id) && ((state.net && !n.networks.includes(state.net)) || (terms(state.q).length && !matches([n.id, n.kind, n.country, n.as_org, ...n.containers].join(' '), state.q)))) continue;
    const key = stackOf(n, asks);
    if (!groups.has(key)) groups.set(key, { key, id: key, title: groupName(key), nodes: [] });
    groups.get(key).nodes.push(n);
  }
  return arrange(groups, edges, busy);
}

function arrange(groups, edges, busy) {
  const at = new Map(), boxes = []; // node id: the box that shows it
  let shown = 0, hidden = 0;
  const stacks = [...groups.values()].sort(by((g) => g.key));
  const few = sum(stacks, (g) => g.nodes.length) <= 24 && stacks.length <= 8; // all that there is fits: nothing is collapsed at first
  for (const g of stacks.slice(0, SHOWN_MAX)) {
    const one = g.nodes.length === 1 && g.key[0] !== 's';
    g.open = one || (state.open.has(g.key) ? true : few && !state.open.has('-' + g.key));
    g.canOpen = !one;
    g.kind = g.key[0] === 'x' ? 'external' : g.key[0] === 'n' ? 'host' : 'stack';
    const room = Math.max(0, Math.min(INSIDE_MAX, SHOWN_MAX - stacks.length - shown));
    const nodes = g.nodes.sort((a, b) => g.kind === 'external' ? (busy.get(b.id) || 0) - (busy.get(a.id) || 0) || (a.id < b.id ? -1 : 1) : a.id < b.id ? -1 : 1);
    const known = g.open && g.kind === 'external' && nodes.length > 6 ? nodes.filter((n) => asKey(n, g.key)) : [], alone = known.length ? nodes.filter((n) => !asKey(n, g.key)) : nodes;
    const all = asBoxes(g, known, at), operators = all.slice(0, room);
    for (const b of all.slice(room)) for (const n of b.nodes) at.delete(n.id);
    g.inside = g.open ? operators.concat(alone.slice(0, room - operators.length).map((n) => serviceBox(n, g))) : [];
    g.more = g.open ? nodes.length - sum(g.inside, (b) => b.node ? 1 : b.nodes.length) : 0;
    for (const b of g.inside) if (b.node) at.set(b.id, b);
    for (const n of nodes) if (!at.has(n.id)) at.set(n.id, g);
    g.sub = g.kind === 'stack' ? plural(nodes.length, 'service') + ' · ' + plural(sum(nodes, (n) => n.containers.length + n.containers_more), 'container') :
      plural(nodes.length, g.kind === 'host' ? 'address' : 'address outside', g.kind === 'host' ? 'addresses' : 'addresses outside');
    shown += g.inside.length;
    boxes.push(g);
  }
  hidden += Math.max(0, stacks.length - SHOWN_MAX);
  const lines = gather(edges, at, new Map(stacks.flatMap((g) => g.nodes.map((n) => [n.id, n]))));
  for (const g of boxes) {
    if (!g.open) {
      Object.assign(g, { w: W + 10, h: 58 });
      continue;
    }
    const mine = lines.all.filter((l) => l.a.group === g.key && l.b.group === g.key).map((l) => [l.a.id, l.b.id]);
    const list = g.kind !== 'stack' && g.inside.length > 3;
    const size = putColumns(g.inside, list ? inRows(g.inside) : place(g.key, g.inside.map((b) => b.id), mine), 0, 0, list ? 24 : g.inside.length > 24 ? 50 : GAP_IN);
    g.w = Math.max(W + 10, size.w + 2 * PAD);
    g.h = HEAD + size.h + PAD + (g.more ? 20 : 0);
  }
  const pairs = lines.all.map((l) => [l.a.group || l.a.key, l.b.group || l.b.key]);
  const middle = boxes.filter((g) => g.kind === 'stack'), where = place('', middle.map((g) => g.key), pairs);
  let x = 0, h = 0;
  const stand = (list) => {
    if (!list.length) return;
    const size = putColumns(list, new Map(list.map((g, i) => [g.id, [0, i]])), x, 0, GAP_X);
    x += size.w + GAP_X;
    h = Math.max(h, size.h);
  };
  stand(boxes.filter((g) => g.key === 'x:in'));
  if (middle.length) {
    const size = putColumns(middle, where, x, 0, middle.length > 24 ? 40 : GAP_X);
    x += size.w + GAP_X;
    h = Math.max(h, size.h);
  }
  const of = JSON.stringify([[...state.open].sort(), state.q, state.net]);
  x = side.x = Math.max(side.of === of ? side.x : 0, x);
  side.of = of;
  stand(boxes.filter((g) => g.key === 'x:out' || g.key === 'n:'));
  for (const g of boxes) {
    const dx = g.x + (g.w - insideWidth(g)) / 2;
    for (const b of g.inside) shift(b, dx, g.y + HEAD);
  }
  return { boxes, lines: lines.shown, left: lines.left, hidden, w: Math.max(W, x - GAP_X), h, shown: shown + boxes.length, count: edges.length, states: lines.states };
}
const insideWidth = (g) => g.inside.length ? Math.max(...g.inside.map((b) => b.x + b.w)) - Math.min(...g.inside.map((b) => b.x)) : 0;
const inRows = (boxes) => { const n = Math.max(1, Math.ceil(boxes.length / 12)); return new Map(boxes.map((b, i) => [b.id, [i % n, Math.floor(i / n)]])); };

// Edges between the same two boxes are one line.
function gather(edges, at, nodes) {
  const lines = new Map(), states = {}, inside = new Map();
  for (const { e, st } of edges) {
    const a = at.get(e.client), b = at.get(e.server);
    states[st] = (states[st] || 0) + 1;
    if (!a || !b) continue;
    const worth = STATES.indexOf(st);
    for (const box of a === b ? [a] : [a, b]) if (worth > 1) inside.set(box, (inside.get(box) || 0) + 1);
    if (a === b && !a.node) continue; // within a collapsed group
    const key = a.key + '\n' + b.key;
    if (!lines.has(key)) lines.set(key, { key, a, b, edges: [], worth: 0, bytes: 0, rate: 0 });
    const l = lines.get(key);
    l.edges.push(e);
    l.worth = Math.max(l.worth, worth);
    l.bytes += e.bytes_to_server + e.bytes_to_client;
    l.rate += edgeRate(e);
  }
  const findings = new Map();
  for (const a of data.alerts || []) if (isOpen(a) && a.severity !== 'info') findings.set(a.workload, (findings.get(a.workload) || 0) + 1);
  for (const [id, box] of at) {
    const n = findings.get(box.node ? box.node.workload : nodes.get(id).workload) || 0;
    if (n) inside.set(box, box.node ? Math.max(inside.get(box) || 0, n) : (inside.get(box) || 0) + n);
  }
  for (const [box, n] of inside) box.noted = n;
  const all = [...lines.values()];
  for (const l of all) {
    const apps = [...new Set(l.edges.map((e) => app(e) + (e.port && !e.l4.startsWith('icmp') ? ' :' + e.port : '')))].sort();
    l.state = STATES[l.worth];
    l.guess = l.edges.every(guessed);
    l.text = apps.length > 2 ? apps.slice(0, 2).join(', ') + ' +' + (apps.length - 2) : apps.join(', ');
  }
  const mine = (l) => state.sel && [l.key, l.a.key, l.b.key].some((k) => state.sel.endsWith(k));
  const shown = all.length <= EDGES_MAX ? all :
    [...all].sort((x, y) => mine(y) - mine(x) || y.worth - x.worth || y.bytes - x.bytes || (x.key < y.key ? -1 : 1)).slice(0, EDGES_MAX);
  return { all, shown: shown.sort(by((l) => l.key)), left: all.length - shown.length, states };
}
