// SPDX-License-Identifier: GPL-2.0-or-later
// The API: requests with the token, streams that come back by themselves, and what of it is late or was lost.

const TOKEN = 'pierglass-token';

// What the page knows, by name; each is asked again when it is needed and old.
const RESOURCES = {
  map: { path: '/v1/map', every: 1500 },
  alerts: { path: '/v1/alerts?limit=1000&all=1', every: 10000 },
  containers: { path: '/v1/containers', every: 6000 },
  listeners: { path: '/v1/listeners', every: 4000 },
  evidence: { path: '/v1/evidence', every: 3000 },
  models: { path: '/v1/models', every: 8000 },
  networks: { path: '/v1/networks', every: 30000 },
  policy: { path: '/v1/policy', every: 8000 },
  status: { path: '/v1/status', every: 5000 },
};
// What the filter's expression is held against, by view; the others know only words.
const FILTERED = { map: 'map', connections: 'map', findings: 'alerts', listeners: 'listeners' };
function pathOf(name) {
  const args = new URLSearchParams();
  if (isExpression(state.q) && FILTERED[state.view] === name) args.set('filter', state.q);
  if (name === 'map' && state.at) {
    args.set('since', new Date(Date.parse(state.at) - 1000 * (Number(state.win) || 600)).toISOString());
    args.set('until', new Date(Date.parse(state.at)).toISOString());
  }
  const path = RESOURCES[name].path, more = String(args);
  return more ? path + (path.includes('?') ? '&' : '?') + more : path;
}

const data = {};       // name: the answer
const asked = {};      // name: { at, took, busy, text, error }
const net = { needs: new Set(), lost: 0, resets: 0, streaming: 'no', refused: false, changed: () => {}, wantToken: () => {} };
// A saved page carries what it shows.
const snapshot = document.getElementById('snapshot') ? JSON.parse(document.getElementById('snapshot').textContent) : null;

const headers = () => { const t = sessionStorage.getItem(TOKEN); return t ? { Authorization: 'Bearer ' + t } : {}; };
const options = (more) => ({ headers: headers(), cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer', ...more });

async function request(path, more) {
  if (snapshot) throw new Error('this is a saved page: there is no sensor behind it');
  const r = await fetch(path, options(more));
  if (r.status === 401) {
    net.refused = true;
    net.wantToken();
  }
  if (!r.ok) {
    let why = r.status + ' ' + r.statusText;
    try { why = (await r.json()).error || why; } catch { /* the status says it */ }
    throw Object.assign(new Error(clean(why)), { status: r.status });
  }
  net.refused = false;
  return r;
}
const get = async (path) => (await request(path)).json();
const post = async (path, args) => (await request(path + '?' + new URLSearchParams(args), { method: 'POST' })).json();

// A large map is asked for whole once a minute; between, for the edges seen since the last answer (its counters only grow).
const DELTA_EDGES = 300, WHOLE_EVERY = 60000, OVERLAP = 5000;
function deltaOf(name, a, path) {
  const map = data.map;
  if (name !== 'map' || !a.whole || a.wholePath !== path || path.includes('?') || !map || map.edges.length < DELTA_EDGES || Date.now() - a.whole > WHOLE_EVERY) return '';
  return '?' + new URLSearchParams({ since: new Date(Date.parse(map.time) - OVERLAP).toISOString() });
}
// The map comes by a stream while it is looked at as it is: whole when it is small, else as parts. What is said here by requests
// stays: they are made when the stream is late or away.
function mapStreamed(map) {
  const a = asked.map;
  if (a?.busy) { // what is under way may be older
    a.later = [...(a.later || []).slice(-30), map];
    return;
  }
  if (!a?.at || a.wholePath !== '/v1/map' || pathOf('map') !== '/v1/map' || !data.map || map.time <= data.map.time) return;
  if (!map.part) a.whole = Date.now();
  a.at = Date.now();
  a.error = '';
  data.map = map.part ? merged(data.map, map) : map;
  a.text = '';
  net.changed('map');
}
function merged(map, part) {
  const nodes = new Map(map.nodes.map((n) => [n.id, n])), edges = new Map(map.edges.map((e) => [edgeKey(e), e]));
  for (const n of part.nodes) nodes.set(n.id, n);
  for (const e of part.edges) edges.set(edgeKey(e), e);
  return { ...part, nodes: [...nodes.values()], edges: [...edges.values()] };
}

async function load(name) {
  const a = asked[name] = asked[name] || { at: 0, took: 0 };
  if (a.busy) return;
  a.busy = true;
  a.again = false;
  a.begun = Date.now();
  const begin = performance.now(), path = a.path = pathOf(name), delta = deltaOf(name, a, path);
  try {
    const r = await request(path + delta), text = await r.text();
    a.error = a.refused = '';
    a.unknown = r.headers.get('Pierglass-Unknown-Field') || '';
    a.at = Date.now();
    if (name === 'map' && !delta) Object.assign(a, { whole: a.at, wholePath: path });
    if (text !== a.text) {
      a.text = text;
      data[name] = delta ? merged(data[name], JSON.parse(text)) : JSON.parse(text);
      net.changed(name);
    }
  } catch (e) {
    a.refused = e.status === 400 ? e.message : '';
    a.error = a.refused ? '' : e.message;
    a.failed = Date.now();
    net.changed('');
  }
  a.took = performance.now() - begin;
  a.busy = false;
  const later = a.later || [];
  a.later = [];
  later.forEach(mapStreamed);
  if (a.again || path !== pathOf(name)) refresh(name);
}

// An answer that takes long is asked for less often: the page never is a large part of the sensor's work.
const interval = (name) => Math.max(RESOURCES[name].every, 12 * (asked[name]?.took || 0));

// What is under way may have been answered before: it is asked for again then.
function refresh(name) {
  const a = asked[name];
  if (a) a.at = a.failed = a.whole = 0;
  if (a) a.again = Boolean(a.busy);
  tick();
}
// The same for what streams tell, which may be often: at once, but of the time at most a quarter.
const due = {};
function refreshSoon(name) {
  const a = asked[name];
  if (due[name]) return;
  due[name] = setTimeout(() => { due[name] = 0; refresh(name); }, a ? Math.max(0, (a.begun || 0) + Math.max(500, 4 * a.took) - Date.now()) : 0);
}

function tick() {
  if (snapshot || document.hidden || net.refused) return;
  const now = Date.now();
  for (const name of net.needs) {
    const a = asked[name];
    const stale = a && now - Math.max(a.at, a.failed || 0) >= interval(name), parts = name === 'map' && a?.whole && a.path === '/v1/map' && now - a.whole > WHOLE_EVERY;
    if (!a || (!a.busy && a.path !== pathOf(name)) || (!a.busy && !(name === 'map' && state.at) && (stale || parts))) load(name);
  }
}

// One sentence when what is shown is old or has gaps, '' when it is not.
function lateness() {
  if (snapshot) return 'Saved ' + clock(snapshot.map.time) + ' UTC: not live.';
  const failing = [...net.needs].map((n) => asked[n]).find((a) => a?.error);
  if (failing && !net.refused) return 'The sensor does not answer (' + failing.error + '). What is shown is old.';
  const now = Date.now();
  for (const name of net.needs)
    if (asked[name]?.at && !asked[name].refused && !(name === 'map' && state.at) && now - asked[name].at > 3 * interval(name) + 3000)
      return 'Data is late: ' + name + ' is of ' + Math.round((now - asked[name].at) / 1000) + ' s ago.';
  return net.lost ? 'Live messages were lost: ' + net.lost + '. What is shown was asked for anew.' : '';
}

// Server-sent events by fetch (EventSource cannot send the token); takes up where it was. Returns a function that ends it.
function stream(path, onData, onState) {
  let stopped = false, wait = 500, control, last = '';
  const event = (block) => {
    let type = 'message', text = '';
    for (const line of block.split('\n')) {
      if (line.startsWith('event: ')) type = line.slice(7);
      else if (line.startsWith('id: ')) last = line.slice(4);
      else if (line.startsWith('data: ')) text += line.slice(6);
    }
    if (!text) return;
    if (type === 'lost') {
      net.lost += JSON.parse(text).lost || 1;
      for (const name of net.needs) refreshSoon(name);
    } else if (type === 'reset') {
      net.resets += 1;
      for (const name of net.needs) refreshSoon(name);
    } else {
      onData(JSON.parse(text));
    }
  };
  const run = async () => {
    while (!stopped) {
      if (net.refused) { // until there is another token
        await new Promise((done) => setTimeout(done, 300));
        continue;
      }
      try {
        control = new AbortController();
        const reader = (await request(path, { signal: control.signal, headers: { ...headers(), ...(last && { 'Last-Event-ID': last }) } })).body.pipeThrough(new TextDecoderStream()).getReader();
        let pieces = []; // of an event that is not all there: joined once, however long it is
        wait = 500;
        onState('yes');
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          pieces.push(value);
          if (!value.includes('\n')) continue;
          const blocks = pieces.join('').split('\n\n');
          pieces = [blocks.pop()];
          blocks.forEach(event);
        }
      } catch { /* told by the state; tried again */ }
      if (stopped) return;
      onState('no');
      await new Promise((done) => setTimeout(done, wait + Math.random() * 300));
      wait = Math.min(wait * 2, 15000);
    }
  };
  run();
  return () => { stopped = true; control?.abort(); };
}
