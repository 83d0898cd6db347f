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
  mapStreamWanted();
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
    main.replaceChildren(...(state.view === 'map' ? [h('div', { id: 'left' }, h('div', { id: 'past', role: 'group', 'aria-label': 'Time' }), h('div', { id: 'canvas' })), h('aside', { id: 'details', 'aria-label': 'Details' })] : [h('div', { id: 'view' })]));
  }
  if (state.view === 'map') drawMapView();
  else show(el('view'), RENDER[state.view]());
  health();
}

function drawMapView() {
  if (data.map) drawMap(el('canvas'));
  else show(el('canvas'), waiting('map'));
  show(el('past'), pastBar());
  if (el('time') && document.activeElement !== el('time')) el('time').value = el('time').getAttribute('value');
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
  const fine = asked[FILTERED[state.view]], noWords = isExpression(state.q) && !FILTERED[state.view];
  say(el('filter-error'), noWords ? 'Here only words filter.' : !isExpression(state.q) || !fine ? '' : fine.refused ? fine.refused.replace(/^argument "filter": /, '') : fine.unknown ? 'No object has the field ' + clean(fine.unknown) + '.' : '');
  el('health').className = notices.length || (state.at && state.view === 'map') ? 'late' : 'fine';
  say(el('health'), snapshot ? 'saved' : net.refused ? 'no access' : state.at && state.view === 'map' ? 'the past, not live' : notices.length ? 'incomplete' : at ? (net.streaming === 'yes' ? 'live' : 'live (asks again and again)') + (always ? ' · ' + always.toLocaleString('en') + ' lost in all' : '') : 'connecting');
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
    mapStreamWanted();
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
  streamEnd = stream('/v1/alerts/stream', () => { refreshSoon('alerts'); if (net.needs.has('listeners')) refreshSoon('listeners'); }, (st) => {
    net.streaming = st;
    if (st === 'yes') refresh('alerts'); // what came while it was away
    redraw();
  });
}

let mapEnd = null;
function mapStreamWanted() {
  const want = net.needs.has('map') && !state.at && !snapshot && !document.hidden && !net.refused && pathOf('map') === '/v1/map';
  if (want && !mapEnd) mapEnd = stream('/v1/map/stream', mapStreamed, () => {});
  if (want || !mapEnd) return;
  mapEnd();
  mapEnd = null;
}

// ---- the past: the map made of the history's flows
const WINDOWS = [[60, '1 minute'], [600, '10 minutes'], [3600, '1 hour'], [86400, '1 day']];
const STEPS = 200;
let range = null; // the slider's: oldest and now, kept while it is moved
function mapTaken() {
  ratesTake(data.map);
  if (data.map.past?.oldest) range = { from: Date.parse(data.map.past.oldest), to: Date.now() };
}
async function pastBegin() {
  const now = new Date().toISOString(), map = await get('/v1/map?' + new URLSearchParams({ since: now, until: now, workload: 'nobody' })).catch(() => null);
  range = { from: Date.parse(map?.past?.oldest || now), to: Date.now() };
  go({ at: new Date(Date.now() - 1000).toISOString(), win: state.win || '600' });
}
function pastBar() {
  if (snapshot) return null;
  if (!state.at) return h('button', { type: 'button', 'data-act': 'past', onclick: pastBegin }, 'Past…');
  const r = range || { from: Date.parse(state.at) - 3600e3, to: Date.now() }, at = Date.parse(state.at), p = data.map?.past, win = Number(state.win) || 600;
  const from = Math.min(r.from, at), to = Math.max(r.to, at);
  return [h('label', {}, h('span', { class: 'hidden' }, 'Time'), h('input', { type: 'range', id: 'time', min: 0, max: STEPS, value: Math.round(STEPS * (at - from) / Math.max(1, to - from)), 'aria-valuetext': clock(state.at),
    onchange: (ev) => go({ at: new Date(from + (to - from) * ev.target.value / STEPS).toISOString() }) })),
  h('select', { 'aria-label': 'How much time before that', onchange: (ev) => go({ win: ev.target.value }) }, WINDOWS.map(([n, name]) => h('option', { value: n, selected: n === win }, name))),
  h('span', {}, 'The map of ', clock(new Date(at - win * 1000).toISOString()), ' to ', clock(state.at), ' UTC', p && !p.complete && ': its latest part, there is more than is looked at', p && !p.oldest && ': no history is kept'),
  h('button', { type: 'button', 'data-act': 'now', onclick: () => go({ at: '' }) }, 'Now')];
}

function begin() {
  net.wantToken = tokenAsk;
  net.changed = (name) => {
    if (name === 'map') mapTaken();
    if (name === 'status' && !lossBase) lossBase = { ...data.status.loss };
    redraw();
  };
  stateRead();
  // A page that the browser keeps for its "back" button would hold its streams, of the few connections that there are to one host.
  addEventListener('pagehide', () => {
    streamEnd?.();
    mapEnd?.();
    streamEnd = mapEnd = null;
  });
  addEventListener('pageshow', (ev) => { if (ev.persisted && !snapshot) { streamStart(); mapStreamWanted(); } });
  addEventListener('popstate', () => { stateRead(); viewChanged(); });
  addEventListener('hashchange', () => { stateRead(); viewChanged(); });
  addEventListener('resize', () => { if (drawn.root && !look.touched) fit(); });
  // Nor does one that nobody sees need them.
  document.addEventListener('visibilitychange', () => {
    tick();
    mapStreamWanted();
    if (!document.hidden && !streamEnd && !snapshot && !net.refused) streamStart();
    if (!document.hidden) return;
    streamEnd?.();
    streamEnd = null;
  });
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
    const first = () => get('/v1/version').then(() => { streamStart(); mapStreamWanted(); tick(); }, () => { if (!el('login')) setTimeout(first, 2000); });
    first();
    setInterval(() => { tick(); health(); }, 500);
  }
  viewChanged();
}
begin();
