// SPDX-License-Identifier: GPL-2.0-or-later
// What stands beside the map: a box or a line, with both ends' programs, what is expected and by which line of which file, what is
// seen, findings, recent flows.

const flowsOf = Object.create(null); // workload or node id: { at, list, error }
const FLOWS_EVERY = 5000;

function flowsAsk(who) {
  const f = flowsOf[who] = flowsOf[who] || { at: 0, list: null };
  if (snapshot || f.busy || Date.now() - f.at < FLOWS_EVERY) return f.list;
  f.busy = true;
  get('/v1/flows?' + new URLSearchParams({ workload: who, limit: 100, history: 1 })).then((list) => { f.list = list; f.error = ''; }, (e) => { f.error = e.message; })
    .finally(() => { f.busy = false; f.at = Date.now(); redraw(); });
  return f.list;
}

const nodeById = (id) => data.map?.nodes.find((n) => n.id === id);
const containersOf = (n) => (data.containers || []).filter((c) => n.workload ? c.workload === n.workload : n.containers.includes(c.name));
const listenersOf = (n) => (data.listeners || []).filter((l) => n.workload ? l.workload === n.workload : n.containers.includes(l.container));
const short = (digest) => digest ? digest.slice(0, 12) : '';

// A program with where its file is from and its digest.
function program(x) {
  const odd = x.exe_changed || x.changed || ['upper', 'volume', 'tmpfs', 'bind', 'memory'].includes(x.exe_place || x.place);
  const sha = x.exe_sha256 || x.sha256, place = x.exe_place || x.place;
  return h('div', { class: 'program' }, code(x.exe || x.path || '?'), place && place !== 'unknown' && tag({ image: 'from the image', upper: 'written in the container' }[place] || place, odd ? 'warn' : ''),
    (x.exe_changed || x.changed) && tag('changed since the image', 'warn'),
    h('small', {}, sha ? h('span', { title: 'SHA-256 ' + sha }, 'sha256 ' + short(sha) + '…') : x.not_hashed ? 'not hashed: ' + x.not_hashed : ''));
}

// The programs that the map names for one end of an edge, with what the containers' list knows of their files.
function programsOf(n, exes) {
  const known = n ? containersOf(n).flatMap((c) => c.exes || []) : [];
  const all = [...new Set(exes)].sort();
  return all.length ? all.map((path) => program(known.find((x) => x.path === path) || { path })) :
    h('p', { class: 'empty' }, n && n.kind === 'external' ? 'outside: not seen' : 'no program seen yet');
}

const stateTag = (st) => tag(STATE_NAME[st] || st, 'st-' + st);
const name_ = (text) => h('span', { class: 'name' }, text);
const SOURCE = { declared: 'declared', learned: 'learned', human: 'accepted', none: 'not expected' };
const sourceTag = (source) => tag(SOURCE[source] || source, source === 'none' || !source ? '' : 'ok');

function listenerExpected(l) {
  const d = declaredListeners(l).find((x) => x.port === l.port && x.l4 === l.l4);
  return h('span', {}, sourceTag(l.source), ' ', d ? h('span', {}, d.app && d.app + ' by ', code(d.source)) : l.because ? code(l.because) : '');
}
const declaredListeners = (l) => (data.containers || []).filter((c) => c.id === l.container_id || (c.workload === l.workload && c.name === l.container))
  .flatMap((c) => c.declared?.listeners || []);

function listenerRows(listeners) {
  return listeners.filter((l) => l.open).sort(by((l) => l.port)).map((l) => ({ cls: listenerState(l), cells: [port(l), program(l), app(l), listenerExpected(l)] }));
}
// A listener that a finding is about is red; one that nobody expects is marked.
function listenerState(l) {
  if ((data.alerts || []).some((a) => isOpen(a) && a.finding.startsWith('listener.') && a.container === l.container && (!l.exe || !a.process || a.process === l.exe))) return 'bad';
  return '';
}

function findingsOf(test) {
  return (data.alerts || []).filter((a) => isOpen(a) && test(a)).sort(by((a) => -SEVERITIES.indexOf(a.severity)));
}
const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'];
const findingLines = (list) => list.length ? h('ul', { class: 'findings' }, list.slice(0, 20).map((a) => h('li', { class: 'sev-' + a.severity },
  h('button', { type: 'button', class: 'link', onclick: () => go({ view: 'findings', id: a.id, q: '' }) }, a.finding), ' ', tag(a.severity, 'sev-' + a.severity),
  h('p', {}, clean(a.observed)), a.expected.length > 0 && h('p', {}, 'Expected: ', a.expected.slice(0, 3).map(clean).join('; '), a.expected.length > 3 && '; …'), h('p', { class: 'why' }, clean(a.why)))),
list.length > 20 && h('li', {}, 'and ' + (list.length - 20) + ' more')) : h('p', { class: 'empty' }, 'None.');

function flowRows(list) {
  return [...list].sort((a, b) => (a.last_seen < b.last_seen ? 1 : -1)).slice(0, 40).map((f) => [when(f.last_seen), cut(f.client.container || f.client.id, 28), cut(f.server.container || f.server.id, 28),
    f.l4 + '/' + f.dport, app(f), cut(f.host || f.info, 40), bytes(f.bytes_to_server + f.bytes_to_client)]);
}
const FLOW_HEAD = [['Last', ''], ['Client', ''], ['Server', ''], ['Port', ''], ['Protocol', ''], ['Host', ''], ['Bytes', 'num']];
function flowSection(who, test) {
  const list = flowsAsk(who), err = flowsOf[who]?.error;
  return section('Recent flows', err ? h('p', { class: 'empty' }, err) : !list ? h('p', { class: 'empty' }, snapshot ? 'Not in a saved page.' : 'Asking…') :
    table('Recent flows', FLOW_HEAD, flowRows(list.filter(test)), 'None is kept.'));
}

const section = (title, ...what) => h('section', {}, h('h3', {}, title), what);
const placeOf = (n) => [n.country, n.asn ? 'AS' + n.asn : '', n.as_org].filter(Boolean).map(clean).join(' ');
const link = (text, key) => h('button', { type: 'button', class: 'link', onclick: () => select(key) }, text);

function edgeRows(edges) {
  const pairs = findingsByPair();
  return edges.slice(0, 60).map((e) => ({ cls: edgeState(e, pairs), cells: [link(cut(e.client, 30), 'box:w:' + e.client), link(cut(e.server, 30), 'box:w:' + e.server),
    port(e), app(e), stateTag(edgeState(e, pairs)), h('span', {}, SOURCE[e.source] || ''), rate(edgeRate(e)), bytes(e.bytes_to_server + e.bytes_to_client), when(e.last_seen)] }));
}
const EDGE_HEAD = [['Client', ''], ['Server', ''], ['Port', ''], ['Protocol', ''], ['State', ''], ['Expected', ''], ['Rate', 'num'], ['Bytes', 'num'], ['Last', '']];
const edgeTable = (edges, title) => [table(title, EDGE_HEAD, edgeRows(edges), 'None.'), edges.length > 60 && h('p', { class: 'empty' }, 'and ' + (edges.length - 60) + ' more: see Connections')];

// What configuration declares of a workload's ends: listeners and upstreams with file and line, and whether they are there.
function declaredRows(n) {
  const rows = new Map(), open = listenersOf(n).filter((l) => l.open), edges = data.map.edges.filter((e) => e.client === n.id);
  for (const c of containersOf(n)) {
    for (const d of c.declared?.listeners || [])
      rows.set('l' + d.l4 + d.port + d.source, ['listens on ' + d.l4 + '/' + d.port + (d.app ? ' (' + d.app + ')' : ''), code(d.source),
        open.some((l) => l.port === d.port && l.l4 === d.l4) ? tag('seen', 'ok') : tag('not seen')]);
    for (const d of c.declared?.upstreams || [])
      rows.set('u' + d.target + d.source, ['asks ' + clean(d.target) + (d.app ? ' (' + d.app + ')' : ''), code(d.source),
        edges.some((e) => d.target.includes(e.host || '\n') || (e.port && d.target.endsWith(':' + e.port))) ? tag('seen', 'ok') : tag('not seen')]);
  }
  return [...rows.values()].slice(0, 40);
}

function nodeDetails(n) {
  const edges = data.map.edges, out = edges.filter((e) => e.client === n.id), inn = edges.filter((e) => e.server === n.id), listeners = listenersOf(n);
  const model = (data.models || []).find((m) => m.workload === n.workload && n.workload), inside = n.kind === 'workload' || n.kind === 'container';
  return [h('h2', {}, clean(nodeName(n))), facts([['Kind', n.kind === 'external' ? 'outside' : n.kind], ['Workload', clean(n.workload)], ['Address', n.address], ['Where', placeOf(n)],
    ['Networks', n.networks.length ? n.networks.map(clean).join(', ') : ''], ['Containers', list(n.containers.slice(0, 12).map(clean).concat(n.containers_more || n.containers.length > 12 ?
      ['and ' + (n.containers_more + Math.max(0, n.containers.length - 12)) + ' more'] : []))], ['Model', model ? model.state : ''], ['Engine', clean(n.engine)], ['Node', clean(n.node)]]),
  section('Findings', findingLines(findingsOf((a) => (n.workload && a.workload === n.workload) || a.peer === n.id))),
  inside && section('Listeners', table('Listeners', [['Port', ''], ['Program', ''], ['Speaks', ''], ['Expected', '']], listenerRows(listeners), 'None.')),
  inside && section('Declared by configuration', table('Declared', [['What', ''], ['Where', ''], ['Seen', '']], declaredRows(n), 'Nothing is declared, or nothing was read.')),
  inside && section('Programs on the network', programsOf(n, [...out.flatMap((e) => e.client_exes), ...inn.flatMap((e) => e.server_exes)])),
  section('Asked by (' + inn.length + ')', edgeTable(inn, 'Asked by')), section('Asks (' + out.length + ')', edgeTable(out, 'Asks')),
  flowSection(n.workload || n.id, () => true)];
}

// Whether a node is shown by the box: its own, its group's, its network operator's.
const inBox = (n, key, outgoing) => key === 'w:' + n.id || stackOf(n, outgoing) === key || asKey(n, stackOf(n, outgoing)) === key;

function groupDetails(key) {
  const outgoing = askers(data.map), nodes = data.map.nodes.filter((n) => inBox(n, key, outgoing)), ids = new Set(nodes.map((n) => n.id)), names = new Set(nodes.map((n) => n.workload).filter(Boolean));
  if (!nodes.length) return null;
  const across = data.map.edges.filter((e) => ids.has(e.client) !== ids.has(e.server)), within = data.map.edges.filter((e) => ids.has(e.client) && ids.has(e.server));
  return [h('h2', {}, clean(key[0] === 'a' ? placeOf(nodes[0]) : groupName(key))), facts([['Members', nodes[0].kind === 'external' ? plural(nodes.length, 'address', 'addresses') : plural(nodes.length, 'service')], ['Containers', String(sum(nodes, (n) => n.containers.length + n.containers_more))]]),
    section('Findings', findingLines(findingsOf((a) => names.has(a.workload) || ids.has(a.peer)))),
    section('Members', h('ul', { class: 'plain' }, nodes.slice(0, 100).map((n) => h('li', {}, link(clean(nodeName(n)), 'box:w:' + n.id), ' ', placeOf(n))))),
    section('Edges to others (' + across.length + ')', edgeTable(across, 'Edges to others')), section('Edges within (' + within.length + ')', edgeTable(within, 'Edges within'))];
}

function lineDetails(key) {
  const [a, b] = key.split('\n'), outgoing = askers(data.map), nodes = new Map(data.map.nodes.map((n) => [n.id, n])), member = (id, box) => nodes.has(id) && inBox(nodes.get(id), box, outgoing);
  const edges = data.map.edges.filter((e) => member(e.client, a) && member(e.server, b));
  if (!edges.length) return null;
  const ids = new Set(edges.flatMap((e) => [e.client, e.server])), servers = [...new Set(edges.map((e) => e.server))].map(nodeById).filter(Boolean), clients = [...new Set(edges.map((e) => e.client))].map(nodeById).filter(Boolean);
  const ports = new Set(edges.map((e) => e.l4 + '/' + e.port)), pairs = findingsByPair(), found = new Set(edges.flatMap((e) => pairs.get(e.client + '\t' + e.server) || []));
  const listening = servers.flatMap(listenersOf).filter((l) => ports.has(l.l4 + '/' + l.port));
  const states = [...new Set(edges.map((e) => edgeState(e, pairs)))];
  const name = (nodes, box) => nodes.length === 1 ? link(clean(nodeName(nodes[0])), 'box:w:' + nodes[0].id) : link(clean(box[0] === 'a' ? placeOf(nodes[0]) : groupName(box)), 'box:' + box);
  return [h('h2', {}, name(clients, a), ' → ', name(servers, b)), facts([['State', h('span', {}, states.map((st) => h('div', {}, stateTag(st), ' ', STATE_TEXT[st])))],
    ['Rate', rate(sum(edges, edgeRate))], ['Flows', sum(edges, (e) => e.flows).toLocaleString('en')], ['First seen', clock(edges.map((e) => e.first_seen).sort()[0])], ['Host', [...new Set(edges.map((e) => clean(e.host)).filter(Boolean))].slice(0, 5).join(', ')]]),
  section('Programs that ask', clients.slice(0, 6).map((n) => [clients.length > 1 && h('h4', {}, clean(nodeName(n))), programsOf(n, edges.filter((e) => e.client === n.id).flatMap((e) => e.client_exes))])),
  section('Programs that answer', servers.slice(0, 6).map((n) => [servers.length > 1 && h('h4', {}, clean(nodeName(n))), programsOf(n, edges.filter((e) => e.server === n.id).flatMap((e) => e.server_exes))])),
  listening.length > 0 && section('Expected and seen at the server', table('Expected and seen', [['Port', ''], ['Program', ''], ['Speaks', ''], ['Expected', '']], listenerRows(listening), '')),
  clients.length === 1 && declaredRows(clients[0]).length > 0 && section('Declared by the client\'s configuration', table('Declared', [['What', ''], ['Where', ''], ['Seen', '']], declaredRows(clients[0]), '')),
  section('Findings', findingLines([...found, ...findingsOf((a) => a.finding.startsWith('listener.') && servers.some((n) => n.workload && n.workload === a.workload) && [...ports].some((p) => a.observed.includes(' ' + p + ' ')))])), section('Edges (' + edges.length + ')', edgeTable(edges, 'Edges')),
  flowSection(clients.length === 1 ? clients[0].workload || clients[0].id : servers[0].workload || servers[0].id, (f) => ids.has(f.client.id) && ids.has(f.server.id))];
}

function details() {
  const [kind] = state.sel.split(':', 1), key = state.sel.slice(kind.length + 1);
  if (!data.map || !key) return null;
  if (kind === 'line') return lineDetails(key);
  if (kind !== 'box') return null;
  return key.startsWith('w:') ? nodeById(key.slice(2)) && nodeDetails(nodeById(key.slice(2))) : groupDetails(key);
}
