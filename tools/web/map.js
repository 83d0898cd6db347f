// SPDX-License-Identifier: GPL-2.0-or-later
// Draws the scene of layout.js: elements are kept by key, so that only what changed is touched; moving and zooming.

const look = { x: 0, y: 0, k: 1, touched: false };
const drawn = { root: null, view: null, layers: {}, elements: new Map(), size: { w: 0, h: 0 } };

function keyed(layer, items, key, create, update) {
  const parent = drawn.layers[layer], keep = new Set();
  let before = parent.firstChild;
  for (const item of items) {
    const k = layer + key(item);
    let el = drawn.elements.get(k);
    keep.add(k);
    if (!el) {
      el = create(item);
      el.dataset.key = k;
      drawn.elements.set(k, el);
    }
    if (el !== before) parent.insertBefore(el, before);
    else before = before.nextSibling;
    update(el, item);
  }
  for (const el of [...parent.children])
    if (!keep.has(el.dataset.key)) {
      drawn.elements.delete(el.dataset.key);
      el.remove();
    }
}
const put = (el, attrs) => { for (const [k, v] of Object.entries(attrs)) if (el.getAttribute(k) !== String(v)) el.setAttribute(k, v); };
const say = (el, text) => { if (el.textContent !== text) el.textContent = text; };

function boxCreate(b) {
  const g = s('g', { tabindex: 0, role: 'button' }, s('rect', { rx: 7 }), s('text', { class: 'title' }), s('text', { class: 'sub' }), s('g', { class: 'lines' }),
    s('g', { class: 'toggle', 'aria-hidden': 'true' }, s('circle', { r: 8 }), s('path', {})), s('g', { class: 'badge' }, s('rect', { rx: 8, height: 16 }), s('text', {})), s('title', {}));
  const toggle = () => openToggle(g.box);
  g.addEventListener('click', (ev) => { if (!drag.moved) ev.target.closest('.toggle') ? toggle() : select('box:' + g.box.key); });
  g.addEventListener('dblclick', () => g.box.canOpen && toggle());
  g.addEventListener('keydown', (ev) => {
    if (ev.key === 'Enter') select('box:' + g.box.key);
    else if (ev.key === ' ' && g.box.canOpen) toggle();
    else return;
    ev.preventDefault();
    ev.stopPropagation();
  });
  return g;
}

function boxUpdate(g, b) {
  const [rect, title, sub, lines, toggle, badge, tip] = g.children, chosen = state.sel === 'box:' + b.key, outer = !b.node && b.open;
  const room = (w) => Math.floor((w - (b.canOpen ? 50 : 20)) / 8.2);
  g.box = b;
  put(g, { class: 'box ' + b.kind + (outer ? ' outer' : '') + (chosen ? ' chosen' : '') + (b.noted ? ' noted' : ''), transform: `translate(${b.x},${b.y})`, 'aria-pressed': chosen,
    'aria-label': clean(b.title) + ', ' + clean(b.sub) + (b.noted ? ', ' + plural(b.noted, 'thing') + ' not expected' : '') + (b.canOpen ? b.open ? ', open' : ', collapsed' : '') });
  put(rect, { width: b.w, height: b.h });
  put(title, { x: 12, y: b.h === 30 ? 20 : outer ? 22 : 20 });
  say(title, cut(b.title, room(b.w)));
  put(sub, outer ? { x: b.w - 34, y: 22, 'text-anchor': 'end' } : { x: 12, y: 37, 'text-anchor': 'start' });
  say(sub, outer ? b.more ? 'and ' + b.more + ' more: use the filter' : '' : cut(b.sub, Math.floor((b.w - 20) / 6)));
  if (lines.dataset.text !== (b.lines || []).join('\n')) {
    lines.dataset.text = (b.lines || []).join('\n');
    lines.replaceChildren(...(b.lines || []).map((t, i) => s('text', { x: 12, y: 54 + i * 16 }, cut(t, 24))));
  }
  put(toggle, { transform: `translate(${b.w - 16},17)`, visibility: b.canOpen ? 'visible' : 'hidden' });
  put(toggle.lastChild, { d: b.open ? 'M-4,0H4' : 'M-4,0H4M0,-4V4' });
  const n = b.noted ? String(b.noted) : '';
  put(badge, { transform: `translate(${b.w - 14 - n.length * 6},${-8})`, visibility: n ? 'visible' : 'hidden' });
  put(badge.firstChild, { width: 10 + n.length * 7 });
  put(badge.lastChild, { x: 5 + n.length * 3.5, y: 12, 'text-anchor': 'middle' });
  say(badge.lastChild, n);
  say(tip, clean(b.title) + '\n' + clean(b.sub) + (n ? '\n' + plural(b.noted, 'finding') + ' or edges that are not expected' : ''));
}

// Ends of lines are spread over a box's side, in the order of where they go to.
function anchors(lines) {
  const sides = new Map();
  for (const l of lines) {
    const { a, b } = l;
    l.loop = a === b;
    l.way = a.x + a.w <= b.x ? 1 : b.x + b.w <= a.x ? -1 : 0;
    const left = l.way === -1;
    for (const [end, box, side, other] of [['from', a, left ? 'L' : 'R', b], ['to', b, l.way === 1 ? 'L' : 'R', a]]) {
      const key = box.key + '\n' + side;
      if (!sides.has(key)) sides.set(key, []);
      sides.get(key).push({ l, end, box, side, sort: other.y + other.h / 2 });
    }
  }
  for (const ends of sides.values()) {
    ends.sort((p, q) => p.sort - q.sort || (p.l.key < q.l.key ? -1 : 1));
    ends.forEach((p, i) => {
      const box = p.box, tall = !box.node && box.open, span = tall ? Math.min(box.h - 20, 200) : box.h - 14;
      const step = Math.min(12, span / ends.length), mid = tall ? box.h / 2 : box.h / 2;
      p.l[p.end] = { x: p.side === 'R' ? box.x + box.w : box.x, y: box.y + mid + (i - (ends.length - 1) / 2) * step, d: p.side === 'R' ? 1 : -1 };
    });
  }
}

// A line that would run behind a box passes above or below it, whichever is nearer. Only for few lines: many cannot be told apart.
function detours(lines, boxes) {
  for (const l of lines) {
    l.over = undefined;
    if (!l.way || lines.length > 120) continue;
    const { from: f, to: t } = l, at = (x) => f.y + (t.y - f.y) * (x - f.x) / (t.x - f.x || 1);
    const hit = boxes.find((b) => b !== l.a && b !== l.b && b.x > Math.min(f.x, t.x) && b.x + b.w < Math.max(f.x, t.x) && Math.abs(at(b.x + b.w / 2) - b.y - b.h / 2) < b.h / 2 + 4);
    if (hit) l.over = at(hit.x + hit.w / 2) <= hit.y + hit.h / 2 ? hit.y - 14 : hit.y + hit.h + 14;
  }
}

function curve(l) {
  const { from: f, to: t } = l, reach = l.loop ? 46 : l.way ? Math.max(40, Math.abs(t.x - f.x) * 0.45) : 60;
  const c = [f.x, f.y, f.x + f.d * reach, f.y, t.x + t.d * reach, t.y, t.x, t.y];
  if (l.loop) { c[1] -= 5; c[3] -= 22; c[5] += 22; c[7] += 5; }
  if (l.over !== undefined) { const y = (l.over - (f.y + t.y) / 8) * 4 / 3; c[3] = c[5] = y; }
  const p = (z, i) => (1 - z) ** 3 * c[i] + 3 * (1 - z) ** 2 * z * c[i + 2] + 3 * (1 - z) * z * z * c[i + 4] + z ** 3 * c[i + 6];
  l.points = [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8].map((z) => [p(z, 0), p(z, 1)]);
  return `M${c[0]},${c[1]}C${c.slice(2).join(' ')}`;
}

function lineCreate() {
  const g = s('g', { class: 'edge' }, s('path', { class: 'hit' }), s('path', { class: 'line' }), s('title', {}));
  g.addEventListener('click', () => { if (!drag.moved) select('line:' + g.line.key); });
  g.addEventListener('keydown', (ev) => {
    if (ev.key !== 'Enter' && ev.key !== ' ') return;
    select('line:' + g.line.key);
    ev.preventDefault();
    ev.stopPropagation();
  });
  return g;
}

function lineUpdate(g, l) {
  const d = curve(l), chosen = state.sel === 'line:' + l.key, near = state.sel === 'box:' + l.a.key || state.sel === 'box:' + l.b.key;
  g.line = l;
  // Among many lines only those of the box that is selected are steps of the Tab key.
  put(g, { class: 'edge ' + l.state + (l.guess ? ' guess' : '') + (chosen || near ? ' chosen' : ''), role: 'button', 'aria-pressed': chosen, tabindex: l.few || chosen || near ? 0 : -1,
    'aria-label': clean(l.a.title) + ' to ' + clean(l.b.title) + ', ' + clean(l.text) + ', ' + (STATE_NAME[l.state] || l.state) + ', ' + rate(l.rate) });
  put(g.children[0], { d });
  put(g.children[1], { d, 'marker-end': 'url(#arrow-' + l.state + ')', 'stroke-width': Math.min(5, 1.2 + Math.log10(1 + l.rate / 1000)).toFixed(1) });
  say(g.lastChild, clean(l.a.title) + ' → ' + clean(l.b.title) + '\n' + clean(l.text) + '\n' + rate(l.rate) + ', ' + bytes(l.bytes) + ' in all\n' + STATE_TEXT[l.state]);
}

function labels(lines, boxes) {
  const many = lines.length > 60, placed = [];
  return lines.filter((l) => !many || l.worth > 1 || state.sel === 'line:' + l.key).map((l) => {
    const text = cut((STATE_MARK[l.state] ? STATE_MARK[l.state] + ': ' : '') + l.text, 30) + (l.rate >= 1 ? ' · ' + rate(l.rate) : '');
    const wide = text.length * 5.6, free = l.points.filter(([px, py]) => !boxes.some((b) => px + wide / 2 > b.x && px - wide / 2 < b.x + b.w && py + 2 > b.y && py - 14 < b.y + b.h));
    if (many && !free.length) return null;
    let [x, y] = free[0] || l.points[0];
    y -= 4;
    for (let i = 0; i < 8 && placed.some((p) => Math.abs(p.x - x) < (p.w + text.length * 5.6) / 2 && Math.abs(p.y - y) < 12); i++) y += 12;
    placed.push({ x, y, w: text.length * 5.6 });
    if (many && placed.slice(0, -1).some((p) => Math.abs(p.x - x) < (p.w + text.length * 5.6) / 2 && Math.abs(p.y - y) < 12)) { placed.pop(); return null; }
    return { key: l.key, x, y, text, state: l.state };
  }).filter(Boolean);
}

function drawMap(root) {
  if (!data.map) return;
  const sc = scene(data.map);
  if (!drawn.root || !drawn.root.isConnected) frame(root);
  const outer = sc.boxes.filter((g) => g.open), inner = sc.boxes.flatMap((g) => g.open ? g.inside : [g]);
  anchors(sc.lines);
  detours(sc.lines, inner);
  for (const l of sc.lines) l.few = sc.lines.length <= 60;
  keyed('outer', outer, (b) => b.key, boxCreate, boxUpdate);
  keyed('edges', sc.lines, (l) => l.key, lineCreate, lineUpdate);
  keyed('inner', inner, (b) => b.key, boxCreate, boxUpdate);
  keyed('labels', labels(sc.lines, inner.concat(outer.map((b) => ({ x: b.x, y: b.y, w: b.w, h: HEAD - 6 })))), (l) => l.key, () => s('text', {}), (el, l) => { put(el, { x: l.x, y: l.y, class: 'label ' + l.state }); say(el, l.text); });
  drawn.size = { w: sc.w, h: sc.h };
  if (!look.touched) fit();
  drawn.root.classList.toggle('many', sc.lines.length > 60);
  legend(sc);
  networksChoice();
  return sc;
}

function frame(root) {
  const defs = s('defs', {}, STATES.map((st) => s('marker', { id: 'arrow-' + st, class: st, viewBox: '0 0 8 8', refX: 8, refY: 4, markerWidth: 8, markerHeight: 8,
    markerUnits: 'userSpaceOnUse', orient: 'auto' }, s('path', { d: 'M0,0L8,4L0,8z' }))));
  drawn.elements.clear();
  for (const name of ['outer', 'edges', 'inner', 'labels']) drawn.layers[name] = s('g', { class: name });
  drawn.view = s('g', {}, Object.values(drawn.layers));
  drawn.root = s('svg', { id: 'map', tabindex: 0, role: 'group', 'aria-label': 'Map: boxes are stacks and services, lines are who connects to whom (as a table: Connections). Arrow keys move, plus and minus zoom, 0 fits.' }, defs, drawn.view);
  drawn.legend = h('div', { class: 'legend' });
  root.replaceChildren(drawn.root, drawn.legend, h('div', { class: 'tools', role: 'toolbar', 'aria-label': 'Map' },
    h('button', { type: 'button', onclick: () => zoom(1.25), 'aria-label': 'Zoom in', title: 'Zoom in' }, '+'),
    h('button', { type: 'button', onclick: () => zoom(0.8), 'aria-label': 'Zoom out', title: 'Zoom out' }, '−'),
    h('button', { type: 'button', onclick: () => { look.touched = false; fit(); } }, 'Fit'),
    h('button', { type: 'button', onclick: () => openAll(true) }, 'Open all'), h('button', { type: 'button', onclick: () => openAll(false) }, 'Collapse all'),
    drawn.networks = h('select', { 'aria-label': 'Only what is on this network', onchange: (ev) => go({ net: ev.target.value }) }),
    h('button', { type: 'button', title: 'Gives all boxes new places', onclick: () => { places.clear(); side.of = ''; look.touched = false; redraw(); } }, 'Arrange')));
  new ResizeObserver(() => { if (!look.touched) fit(); }).observe(drawn.root);
  drawn.root.addEventListener('wheel', (ev) => { ev.preventDefault(); zoom(ev.deltaY < 0 ? 1.12 : 0.89, ev.offsetX, ev.offsetY); }, { passive: false });
  drawn.root.addEventListener('pointerdown', dragBegin);
  drawn.root.addEventListener('keydown', (ev) => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[ev.key];
    if (step) move(...step);
    else if (ev.key === '+' || ev.key === '=') zoom(1.25);
    else if (ev.key === '-') zoom(0.8);
    else if (ev.key === '0') { look.touched = false; fit(); }
    else if (ev.key === 'Escape') select('');
    else return;
    ev.preventDefault();
  });
}

function networksChoice() {
  const names = [...new Set((data.networks || []).map((n) => n.name).concat(state.net || []))].filter(Boolean).sort();
  show(drawn.networks, h('option', { value: '' }, 'All networks'), names.map((n) => h('option', { value: n }, cut(n, 40))));
  if (drawn.networks.value !== state.net) drawn.networks.value = state.net;
}

function legend(sc) {
  const text = JSON.stringify([sc.states, sc.left, sc.hidden, sc.count]);
  if (drawn.legend.dataset.text === text) return;
  drawn.legend.dataset.text = text;
  drawn.legend.replaceChildren(h('ul', {}, STATES.map((st) => h('li', { class: st, title: STATE_TEXT[st] }, s('svg', { width: 26, height: 10, 'aria-hidden': 'true' },
    s('path', { d: 'M0,5H26', class: 'line' })), STATE_NAME[st] || st, ' ', h('b', {}, sc.states[st] || 0)))),
  h('p', {}, 'Dashed: protocol guessed from the port.', sc.left ? ' ' + plural(sc.left, 'line') + ' not drawn: the noteworthy and the largest are. Select a box to see all of its own, or filter.' : '',
    sc.hidden ? ' ' + sc.hidden + ' stacks are not drawn: filter.' : ''));
}

// ---- moving
const apply = () => put(drawn.view, { transform: `translate(${look.x},${look.y}) scale(${look.k})` });
function fit() {
  const r = drawn.root.getBoundingClientRect(), { w, h: tall } = drawn.size;
  if (!r.width || !w) return;
  look.k = Math.max(0.22, Math.min(1.4, (r.width - 60) / w, (r.height - 90) / tall));
  look.x = Math.max(30, (r.width - w * look.k) / 2);
  look.y = Math.max(50, (r.height - 60 - tall * look.k) / 2);
  apply();
}
function move(dx, dy) { look.touched = true; look.x += dx; look.y += dy; apply(); }
function zoom(f, x, y) {
  const r = drawn.root.getBoundingClientRect(), k = Math.min(4, Math.max(0.05, look.k * f));
  x ??= r.width / 2;
  y ??= r.height / 2;
  look.touched = true;
  look.x = x - (x - look.x) * k / look.k;
  look.y = y - (y - look.y) * k / look.k;
  look.k = k;
  apply();
}
const drag = { moved: false };
function dragBegin(ev) {
  if (ev.button !== 0) return;
  let { clientX: x, clientY: y } = ev;
  drag.moved = false;
  const go = (e) => {
    if (!drag.moved && Math.hypot(e.clientX - ev.clientX, e.clientY - ev.clientY) < 5) return;
    drag.moved = true;
    move(e.clientX - x, e.clientY - y);
    x = e.clientX;
    y = e.clientY;
  };
  const end = () => { removeEventListener('pointermove', go); removeEventListener('pointerup', end); };
  addEventListener('pointermove', go);
  addEventListener('pointerup', end);
}

// ---- opening
function openToggle(b) {
  const shut = '-' + b.key;
  if (b.open) {
    state.open.delete(b.key);
    if (!b.node) state.open.add(shut);
  } else {
    state.open.add(b.key);
    state.open.delete(shut);
  }
  stateWrite(false);
  redraw();
}
function openAll(open) {
  const keys = new Set([...(drawn.layers.outer?.children || []), ...(drawn.layers.inner?.children || [])].filter((g) => !g.box.node).map((g) => g.box.key));
  state.open = new Set([...keys].map((k) => (open ? '' : '-') + k));
  look.touched = false;
  stateWrite(false);
  redraw();
}
