// SPDX-License-Identifier: GPL-2.0-or-later
// What is looked at: view, filter, selection and opened boxes stand in the address, so that a link shows the same.

const VIEWS = { map: 'Map', connections: 'Connections', findings: 'Findings', listeners: 'Listeners', models: 'Models', status: 'Status' };
const state = { view: 'map', q: '', sel: '', open: new Set(), id: '', net: '', all: '', at: '', win: '' };

function stateRead() {
  const p = new URLSearchParams(location.hash.slice(1));
  state.view = Object.hasOwn(VIEWS, p.get('view')) ? p.get('view') : 'map';
  state.q = p.get('q') || '';
  state.sel = p.get('sel') || '';
  state.id = p.get('id') || '';
  state.net = p.get('net') || '';
  for (const key of ['all', 'at', 'win']) state[key] = p.get(key) || '';
  if (!(Date.parse(state.at) > 0)) state.at = '';
  if (!/^\d{1,7}$/.test(state.win)) state.win = '';
  state.open = new Set(p.getAll('open'));
}

// push: a step that the browser's "back" undoes.
function stateWrite(push) {
  const p = new URLSearchParams();
  p.set('view', state.view);
  for (const key of ['q', 'sel', 'id', 'net', 'all', 'at', 'win']) if (state[key]) p.set(key, state[key]);
  for (const o of [...state.open].sort()) p.append('open', o);
  history[push ? 'pushState' : 'replaceState'](null, '', '#' + p);
}

// ---- the filter: words that must all be in it (-word: must not), or an expression of pierglass-filter(7), which the sensor judges
const isExpression = (q) => /[=~<>]|^\s*not\b|\s(and|or)\s/.test(q);
const terms = (q) => isExpression(q) ? [] : (q.toLowerCase().match(/-?(?:"[^"]*"|\S+)/g) || []).map((t) => {
  const no = t.length > 1 && t[0] === '-';
  return { no, value: (no ? t.slice(1) : t).replace(/"/g, '') };
}).filter((t) => t.value);
const matches = (text, q) => terms(q).every((t) => text.toLowerCase().includes(t.value) !== t.no);

// ---- edges and what is to be said about them
const STATES = ['known', 'learning', 'new', 'blocked', 'listed'];
const STATE_MARK = { known: '', learning: '', new: 'new', blocked: 'blocked', listed: 'listed' };
const STATE_NAME = { known: 'expected' };
const STATE_TEXT = { known: 'expected: declared, learned or accepted', learning: 'still being learned, or not judged', new: 'not expected by a workload that has learned its edges',
  blocked: 'refused by policy', listed: 'on a reputation feed, or in another finding' };

const edgeKey = (e) => e.key || (e.key = [e.client, e.server, e.l4, e.port].join('\t'));
const isOpen = (a) => !a.accepted && !a.absorbed_by;

// Findings by the pair of names that they are about.
function findingsByPair() {
  const pairs = new Map();
  for (const a of data.alerts || []) {
    if (!isOpen(a) || !a.peer) continue;
    for (const key of [a.workload + '\t' + a.peer, a.peer + '\t' + a.workload]) {
      if (!pairs.has(key)) pairs.set(key, []);
      pairs.get(key).push(a);
    }
  }
  return pairs;
}

function edgeState(e, pairs) {
  const found = !pairs.size ? [] : pairs.get(e.client + '\t' + e.server) || [];
  if (e.verdict === 'listed' || found.some((a) => a.finding.startsWith('intel.'))) return 'listed';
  if (e.verdict === 'drop' || e.verdict === 'reset') return 'blocked';
  if (found.some((a) => ['peer.unlinked', 'egress.new', 'metadata.access', 'engine.access', 'scan.horizontal', 'scan.vertical'].includes(a.finding))) return 'new';
  return e.source && e.source !== 'none' ? 'known' : 'learning';
}

// Rates: bytes since the answer before.
const rates = { at: 0, bytes: new Map(), per: new Map() };
function ratesTake(map) {
  if (map.past) {
    const long = (Date.parse(map.past.until) - Date.parse(map.past.since)) / 1000;
    rates.at = 0;
    rates.bytes = new Map();
    rates.per = new Map(map.edges.map((e) => [edgeKey(e), (e.bytes_to_server + e.bytes_to_client) / Math.max(1, long)]));
    return;
  }
  const at = Date.parse(map.time), span = (at - rates.at) / 1000, now = new Map(), per = new Map();
  if (span <= 0) return;
  for (const e of map.edges) {
    const key = edgeKey(e), n = e.bytes_to_server + e.bytes_to_client, before = rates.bytes.get(key);
    now.set(key, n);
    per.set(key, rates.at ? Math.max(0, n - (before === undefined ? 0 : before)) / span : 0);
  }
  rates.at = at;
  rates.bytes = now;
  rates.per = per;
}
const edgeRate = (e) => rates.per.get(edgeKey(e)) || 0;
