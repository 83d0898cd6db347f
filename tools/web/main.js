// SPDX-License-Identifier: GPL-2.0-or-later
// Puts it together: which view is shown, what it needs of the API, the token, what is said about late or lost data.

const NEEDS = { map: ['map', 'alerts', 'containers', 'listeners', 'models', 'networks', 'policy', 'status'], connections: ['map', 'alerts', 'status'], findings: ['alerts', 'policy', 'evidence', 'status'],
  listeners: ['listeners', 'containers', 'alerts', 'models', 'status'], models: ['models', 'policy', 'status'], status: ['status', 'policy'] };
const RENDER = { connections: connectionsView, findings: findingsView, listeners: listenersView, models: modelsView, status: statusView };
let lossBase = null, drawAsked = false;

function go(change, push = true) {
  Object.assign(state, change);
  stateWrite(push);
  viewChanged();
}
function select(key) {
  const same = state.sel === key;
  go({ view: 'map', sel: same ? '' : key }, !!key);
  if (key && !same && drawn.root) el('details')?.querySelector('h2')?.scrollIntoView({ block: 'nearest' });
}

function viewChanged() {
  net.needs = new Set(NEEDS[state.view]);
  if (el('filter').value !== state.q) el('filter').value = state.q;
  document.title = VIEWS[state.view] + ' · Pierglass';
  tick();
  redraw();
}

function redraw() {
  if (drawAsked) return;
  drawAsked = true;
  requestAnimationFrame(() => {
    drawAsked = false;
    draw();
  });
}

function draw() {
  const main = el('main'), findings = data.alerts ? data.alerts.filter(isOpen).length : 0;
  show(el('nav'), Object.entries(VIEWS).map(([key, name]) => h('button', { type: 'button', 'data-view': key, 'aria-current': key === state.view && 'page', onclick: () => go({ view: key, id: '' }) }, name,
    key === 'findings' && findings > 0 && h('b', { class: 'count' }, findings))));
  if (main.dataset.view !== state.view) {
    main.dataset.view = state.view;
    main.replaceChildren(...(state.view === 'map' ? [h('div', { id: 'canvas' }), h('aside', { id: 'details', 'aria-label': 'Details' })] : [h('div', { id: 'view' })]));
  }
  if (state.view === 'map') drawMapView();
  else show(el('view'), RENDER[state.view]());
  health();
}

function drawMapView() {
  if (data.map) drawMap(el('canvas'));
  else show(el('canvas'), waiting('map'));
  const what = details();
  el('main').classList.toggle('with-details', Boolean(what));
  show(el('details'), what && h('button', { type: 'button', class: 'close', 'aria-label': 'Close details', onclick: () => select('') }, '×'), what);
}

// ---- what is late, what was lost
function health() {
  const late = lateness(), st = data.status, lost = st && lossBase ? Object.entries(st.loss).filter(([k, n]) => n > (lossBase[k] || 0)) : [], always = st ? sum(Object.values(st.loss), (n) => n) : 0;
  const down = st ? st.engines.filter((e) => !e.up).map((e) => clean(e.name || e.socket)) : [];
  const notices = [late, down.length && 'Engine not reachable: ' + down.join(', ') + '.', st?.not_seen.length && plural(st.not_seen.length, 'thing') + ' the sensor does not see: see Status.',
    lost.length && 'The sensor lost data since this page was opened: ' + lost.map(([k, n]) => k.replace(/_/g, ' ') + ' ' + (n - (lossBase[k] || 0)).toLocaleString('en')).join(', ') + '.'].filter(Boolean);
  const at = asked.map?.at || asked.status?.at;
  el('health').className = notices.length ? 'late' : 'fine';
  say(el('health'), snapshot ? 'saved' : net.refused ? 'no access' : notices.length ? 'incomplete' : at ? (net.streaming === 'yes' ? 'live' : 'live (asks again and again)') + (always ? ' · ' + always.toLocaleString('en') + ' lost in all' : '') : 'connecting');
  const text = notices.join(' ');
  el('notice').hidden = !text;
  say(el('notice'), text);
}

// ---- the token: for this tab, never in an address
function tokenAsk() {
  if (document.getElementById('login')) return;
  const input = h('input', { type: 'password', name: 'token', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'login-error' });
  const error = h('p', { class: 'error', id: 'login-error', role: 'alert' }, sessionStorage.getItem(TOKEN) ? 'The sensor does not take this token.' : '');
  const dialog = h('dialog', { id: 'login', 'aria-label': 'Token' }, h('h2', {}, 'Token'), h('p', {}, 'The sensor answers only with its token: the first line of the file that ', h('code', {}, 'api.token_file'), ' names. It stays in this tab.'),
    h('label', {}, 'Token ', input), error, h('p', { class: 'actions' }, h('button', { type: 'button', class: 'main', 'data-act': 'login', onclick: () => enter() }, 'Enter')));
  const enter = () => {
    if (!input.value.trim()) return;
    sessionStorage.setItem(TOKEN, input.value.trim());
    dialog.onclose = null;
    dialog.close();
    dialog.remove();
    net.refused = false;
    for (const a of Object.values(asked)) a.at = a.failed = 0;
    streamStart();
    tick();
  };
  input.onkeydown = (ev) => { if (ev.key === 'Enter') enter(); };
  dialog.oncancel = (ev) => ev.preventDefault();
  document.body.append(dialog);
  dialog.showModal();
}

// Findings come as they are made; an open connection also shows that the sensor lives.
let streamEnd = null;
function streamStart() {
  streamEnd?.();
  streamEnd = stream('/v1/alerts/stream', () => { refresh('alerts'); if (net.needs.has('listeners')) refresh('listeners'); }, (st) => { net.streaming = st; redraw(); });
}

function begin() {
  net.wantToken = tokenAsk;
  net.changed = (name) => {
    if (name === 'map') ratesTake(data.map);
    if (name === 'status' && !lossBase) lossBase = { ...data.status.loss };
    redraw();
  };
  stateRead();
  addEventListener('popstate', () => { stateRead(); viewChanged(); });
  addEventListener('hashchange', () => { stateRead(); viewChanged(); });
  addEventListener('resize', () => { if (drawn.root && !look.touched) fit(); });
  document.addEventListener('visibilitychange', tick);
  el('skip').onclick = (ev) => { ev.preventDefault(); el('main').focus(); };
  let typing;
  el('filter').oninput = () => { clearTimeout(typing); typing = setTimeout(() => go({ q: el('filter').value }, false), 150); };
  document.addEventListener('keydown', (ev) => {
    if (ev.key === '/' && !/^(input|select|textarea)$/i.test(ev.target.tagName)) { ev.preventDefault(); el('filter').focus(); }
  });
  if (snapshot) {
    for (const [name, value] of Object.entries(snapshot)) data[name] = value;
  } else {
    net.refused = true; // until the first answer: without a token there is one refusal, not ten
    const first = () => get('/v1/version').then(() => { streamStart(); tick(); }, () => { if (!el('login')) setTimeout(first, 2000); });
    first();
    setInterval(() => { tick(); health(); }, 500);
  }
  viewChanged();
}
begin();
