// SPDX-License-Identifier: GPL-2.0-or-later
// The other views: connections, findings with what can be done about them, listeners (declared, learned, observed), models, status.

const ROWS_MAX = 300, MODELS_ASKED_MAX = 40;
const more = (n, shown) => n > shown && h('p', { class: 'empty' }, plural(n - shown, 'row') + ' more: use the filter.');
const waiting = (name) => h('p', { class: 'empty' }, asked[name]?.error ? clean(asked[name].error) : 'Asking the sensor…');

// ---- connections: the map as a table
function connectionsView() {
  if (!data.map) return waiting('map');
  const pairs = findingsByPair(), nodes = new Map(data.map.nodes.map((n) => [n.id, n])), rows = [];
  for (const e of data.map.edges) {
    const st = edgeState(e, pairs), a = nodes.get(e.client), b = nodes.get(e.server);
    if (a && b && edgeMatches(e, a, b, st)) rows.push({ e, st });
  }
  rows.sort((x, y) => STATES.indexOf(y.st) - STATES.indexOf(x.st) || edgeRate(y.e) - edgeRate(x.e) || (x.e.last_seen < y.e.last_seen ? 1 : -1));
  return [h('h2', {}, plural(rows.length, 'connection')), table('Connections', [['Client', ''], ['Program', ''], ['Server', ''], ['Program', ''], ['Port', ''], ['Protocol', ''], ['Host', ''], ['State', ''], ['Expected', ''],
    ['Rate', 'num'], ['Bytes', 'num'], ['Flows', 'num'], ['Last seen', '']], rows.slice(0, ROWS_MAX).map(({ e, st }) => ({ cls: st, key: edgeKey(e), cells: [name_(cut(e.client, 60)), code(e.client_exes.join(' ')), name_(cut(e.server, 60)),
    code(e.server_exes.join(' ')), port(e), app(e), name_(cut(e.host, 60)), stateTag(st), SOURCE[e.source] || '', rate(edgeRate(e)), bytes(e.bytes_to_server + e.bytes_to_client), e.flows.toLocaleString('en'), when(e.last_seen)] })),
  'No connection is seen, or none that the filter lets through.'), more(rows.length, ROWS_MAX)];
}

// ---- findings
const findingText = (a) => [a.finding, a.severity, a.workload, a.container, a.process, a.peer, a.observed, a.why, a.incident, a.accepted ? 'accepted' : ''].join(' ');
const heldOf = (a) => (data.policy?.holds || []).filter((x) => x.container === a.container);

function findingCard(a) {
  const open = state.id === a.id, portSeen = /\b(?:tcp|udp)\/\d+/.exec(a.observed)?.[0] || '', held = heldOf(a), bundle = (data.evidence || []).find((b) => b.id === a.evidence || b.id === a.incident);
  return h('article', { class: 'finding sev-' + a.severity + (a.accepted ? ' accepted' : ''), 'data-key': a.id, id: 'f-' + a.id, 'aria-labelledby': 't-' + a.id },
    h('h3', { id: 't-' + a.id }, tag(a.severity, 'sev-' + a.severity), ' ', a.finding, ' ', h('small', {}, cut(a.workload, 90), a.container && a.container !== a.workload && ' · ' + clean(a.container))),
    h('p', { class: 'meta' }, when(a.time), a.count > 1 && ' · ' + a.count + ' times', a.accepted && ' · accepted', a.absorbed_by && ' · part of ' + a.absorbed_by, a.action && a.action !== 'none' && ' · action: ' + clean(a.action),
      held.map((x) => [' · ', tag(x.kind === 'block' ? 'blocked' + (x.peer ? ' ' + x.peer : '') + (x.port ? ' ' + x.port : '') + (x.until ? ' until ' + clock(x.until) : '') : 'quarantined', 'warn')])),
    h('p', { class: 'observed' }, clean(a.observed)),
    h('p', { class: 'why' }, clean(a.why)),
    h('details', { open }, h('summary', {}, 'Expected, and more'), facts([['Expected', list(a.expected.map(clean))], ['Process', a.process && code(a.process + (a.pid ? ' (' + a.pid + ')' : ''))], ['Started by', a.parent && code(a.parent)],
      ['Peer', clean(a.peer)], ['Where', placeOf(a)], ['Coverage', clean(a.coverage)], ['Incident', a.incident && h('button', { type: 'button', class: 'link', onclick: () => go({ q: a.incident }) }, a.incident)],
      ['Score', String(a.score)], ['Id', a.id], ['First', clock(a.time)], ['Last', clock(a.last_seen)]])),
    !snapshot && h('p', { class: 'actions' }, !a.accepted && h('button', { type: 'button', 'data-act': 'accept', onclick: () => acceptAsk(a) }, 'Accept…'),
      a.container && h('button', { type: 'button', 'data-act': 'block', onclick: () => blockAsk(a, portSeen) }, 'Block…'),
      a.container && h('button', { type: 'button', 'data-act': 'quarantine', onclick: () => quarantineAsk(a) }, 'Quarantine…'),
      held.length > 0 && h('button', { type: 'button', 'data-act': 'release', onclick: () => releaseAsk(a, held) }, 'Release…'),
      bundle ? h('button', { type: 'button', 'data-act': 'evidence', onclick: () => evidenceGet(a, bundle) }, 'Evidence…') : a.container && h('button', { type: 'button', 'data-act': 'collect', onclick: () => collectAsk(a) }, 'Collect evidence…')));
}

function findingsView() {
  if (!data.alerts) return waiting('alerts');
  const all = data.alerts.filter((a) => matches(findingText(a), state.q)), hidden = all.filter((a) => !isOpen(a)).length, shown = state.all ? all : all.filter((a) => isOpen(a) || a.id === state.id);
  shown.sort((a, b) => (a.time < b.time ? 1 : -1));
  return [h('div', { class: 'head' }, h('h2', {}, plural(all.length - hidden, 'open finding')), hidden > 0 && h('label', {}, h('input', { type: 'checkbox', checked: state.all === '1', onchange: () => go({ all: state.all ? '' : '1' }) }), ' also ' + hidden + ' accepted or part of others')),
    shown.length ? shown.slice(0, ROWS_MAX).map(findingCard) : h('p', { class: 'empty' }, state.q ? 'None that the filter lets through.' : 'None. Workloads that still learn raise few: see Models.'), more(shown.length, ROWS_MAX)];
}

// ---- what can be done about a finding
function acceptAsk(a) {
  ask('Accept this?', [h('p', {}, clean(a.observed)), h('p', {}, 'It becomes expected of ', h('b', {}, clean(a.workload)), ', and this finding is closed.')], 'Accept', async () => {
    const r = await post('/v1/model/accept', { id: a.id });
    return 'Accepted: ' + r.count + ' ' + (r.count === 1 ? 'finding' : 'findings') + '.';
  });
}
function blockAsk(a, portSeen) {
  const m = /^(?:ext:)?([0-9a-f.:]*[.:][0-9a-f.:]+)$/i.exec(a.peer || '');
  const peer = h('input', { name: 'thing', value: m ? m[1] : '', placeholder: 'any', autocomplete: 'off' }), p = h('input', { name: 'port', value: portSeen, placeholder: 'any, or tcp/80', autocomplete: 'off' });
  const time = h('select', { name: 'seconds' }, [[600, '10 minutes'], [3600, '1 hour'], [86400, '1 day']].map(([n, t]) => h('option', { value: n }, t)));
  ask('Block traffic of ' + cut(a.container, 60) + '?', [h('label', {}, 'Peer address ', peer), h('label', {}, 'Port ', p), h('label', {}, 'For ', time), h('p', {}, 'With neither address nor port: everything of this container. The rules end by themselves.')], 'Block', async () => {
    const args = { container: a.container, seconds: time.value };
    if (peer.value.trim()) args.thing = peer.value.trim();
    if (p.value.trim()) args.port = p.value.trim();
    await post('/v1/policy/block', args);
    return 'Blocked.';
  }, true);
}
function quarantineAsk(a) {
  ask('Quarantine ' + cut(a.container, 60) + '?', [h('p', {}, 'Nothing reaches it any more and it reaches nothing, until it is released.')], 'Quarantine', async () => { await post('/v1/policy/quarantine', { container: a.container }); return 'Quarantined.'; }, true);
}
function releaseAsk(a, held) {
  ask('Release ' + cut(a.container, 60) + '?', [list(held.map((x) => x.kind + ' ' + x.peer + ' ' + x.port))], 'Release', async () => {
    for (const kind of new Set(held.map((x) => x.kind))) await post(kind === 'block' ? '/v1/policy/unblock' : '/v1/policy/release', { container: a.container });
    return 'Released.';
  });
}
function collectAsk(a) {
  ask('Collect evidence of ' + cut(a.container, 60) + '?', [h('p', {}, 'Processes, sockets, changed files and the last packets go into a bundle on the node.')], 'Collect', async () => {
    const r = await post('/v1/evidence/collect', { id: a.id });
    return 'The bundle ' + clean(r.workload) + ' is being made.';
  });
}
async function evidenceGet(a, bundle) {
  const file = (name) => '/v1/evidence/file?' + new URLSearchParams({ id: bundle.id, thing: name });
  try {
    const m = await get(file('manifest.json'));
    ask('Evidence ' + clean(bundle.id), [facts([['Made', clock(m.time)], ['Container', clean(m.container)], ['Frozen', m.frozen ? m.frozen_seconds.toFixed(2) + ' s' : 'no'], ['Packets', String(m.ring_packets)], ['Cut', list(m.cut.map(clean))], ['Manifest', code('sha256 ' + bundle.manifest_sha256)]]),
      h('ul', { class: 'plain' }, [{ name: 'manifest.json' }, ...m.files].map((f) => h('li', {}, h('button', { type: 'button', class: 'link', onclick: () => download(file(f.name), bundle.id + '-' + f.name) }, clean(f.name)), ' ', f.size !== undefined && h('small', {}, bytes(f.size)))))]);
  } catch (e) {
    done(clean(e.message));
  }
}
const download = async (path, name) => offer(await (await request(path)).blob(), name);
function offer(blob, name) {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name.replace(/[^\w.-]/g, '_') }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function done(text) {
  say(el('done'), text);
  setTimeout(() => { if (el('done').textContent === text) say(el('done'), ''); }, 8000);
}

// One question at a time. act returns what to say; without it the dialog only shows.
function ask(title, what, verb, act, danger) {
  const err = h('p', { class: 'error', role: 'alert' }), yes = verb && h('button', { type: 'button', class: danger ? 'danger' : 'main', 'data-act': 'yes' }, verb);
  const dialog = h('dialog', { 'aria-label': clean(title) }, h('h2', {}, clean(title)), what, err, h('p', { class: 'actions' }, yes, h('button', { type: 'button', onclick: () => dialog.close() }, verb ? 'Cancel' : 'Close')));
  if (yes) yes.onclick = async () => {
    yes.disabled = true;
    try {
      done(await act());
      dialog.close();
    } catch (e) {
      say(err, 'The sensor refused: ' + clean(e.message));
    }
    yes.disabled = false;
    for (const name of ['alerts', 'policy', 'models', 'map']) if (net.needs.has(name)) refresh(name);
  };
  dialog.onclose = () => dialog.remove();
  document.body.append(dialog);
  dialog.showModal();
}

// ---- listeners: declared, learned, observed side by side
const modelOf = Object.create(null); // workload: { at, facts }
function modelAsk(workload) {
  const m = modelOf[workload] = modelOf[workload] || { at: 0, facts: null };
  if (snapshot || m.busy || Date.now() - m.at < 15000) return m;
  m.busy = true;
  get('/v1/model?' + new URLSearchParams({ workload })).then((r) => { m.facts = r.facts; m.error = ''; }, (e) => { m.error = e.message; m.facts = m.facts || []; }).finally(() => { m.busy = false; m.at = Date.now(); redraw(); });
  return m;
}

function listenerTable() {
  const rows = new Map();
  const row = (workload, what) => {
    const key = workload + '\t' + what;
    if (!rows.has(key)) rows.set(key, { key, workload, what, declared: new Map(), learned: new Map(), observed: [], found: [] });
    return rows.get(key);
  };
  for (const l of data.listeners || []) if (l.workload !== 'engine resolver' && l.open) row(l.workload || l.container, port(l)).observed.push(l);
  for (const c of data.containers || []) for (const d of c.declared?.listeners || []) if (c.state === 'running') row(c.workload, d.l4 + '/' + d.port).declared.set(d.source, d);
  for (const a of data.alerts || []) {
    const p = a.finding.startsWith('listener.') && isOpen(a) && /\b(?:tcp|udp)\/\d+/.exec(a.observed);
    if (p) row(a.workload, p[0]).found.push(a);
  }
  return rows;
}

function listenersView() {
  if (!data.listeners || !data.containers) return waiting('listeners');
  if (isExpression(state.q) && !data.listeners.length) return [h('h2', {}, 'No listener'), h('p', { class: 'empty' }, 'None that the filter lets through.')];
  const rows = listenerTable(), names = [...new Set([...rows.values()].map((r) => r.workload))].filter((w) => (data.models || []).some((m) => m.workload === w));
  const wanted = names.filter((w) => matches(w, state.q)).concat(names).slice(0, MODELS_ASKED_MAX);
  for (const w of new Set(wanted)) for (const f of modelAsk(w).facts || []) {
    if (f.dimension !== 'listener' || f.source === 'none') continue;
    const key = w + '\t' + f.fact[0];
    if (!rows.has(key)) rows.set(key, { key, workload: w, what: f.fact[0], declared: new Map(), learned: new Map(), observed: [], found: [] });
    rows.get(key)[f.source === 'declared' ? 'declared' : 'learned'].set(f.source === 'declared' ? f.where : f.text, f);
  }
  const stateOf = (r) => r.found.length ? 'found' : !r.observed.length ? 'not seen' : r.observed.every((l) => l.source !== 'none') ? 'expected' : 'not expected';
  const list_ = [...rows.values()].map((r) => ({ ...r, st: stateOf(r) })).filter((r) => matches([r.workload, r.what, r.st, ...r.observed.flatMap((l) => [l.exe, l.app, l.container])].join(' '), state.q)).sort((a, b) => (b.found.length ? 1 : 0) - (a.found.length ? 1 : 0) || (a.key < b.key ? -1 : 1));
  const cls = { found: 'bad', 'not expected': 'odd' };
  return [h('h2', {}, plural(list_.length, 'listener')), table('Listeners', [['Workload', ''], ['Port', ''], ['Declared', ''], ['Learned', ''], ['Observed', ''], ['State', '']], list_.slice(0, ROWS_MAX).map((r) => ({ cls: cls[r.st] || '', key: r.key, cells: [
    clean(r.workload), r.what, [...r.declared].slice(0, 4).map(([where, d]) => h('div', {}, d.app && clean(d.app) + ' ', code(where))),
    [...r.learned.values()].slice(0, 4).map((f) => h('div', {}, f.fact[1] && f.fact[1] !== '*' ? code(f.fact[1]) : 'any program', f.source === 'human' && [' ', tag('accepted', 'ok')])),
    [...new Map(r.observed.map((l) => [l.exe + l.exe_sha256, l])).values()].slice(0, 4).map((l) => [program(l), h('small', {}, app(l) + ' · ' + plural(r.observed.filter((x) => x.exe === l.exe).length, 'container') + ' · since ', when(l.since))]),
    [h('div', {}, tag(r.st, cls[r.st] === 'bad' ? 'sev-critical' : r.st === 'expected' ? 'ok' : r.st === 'not expected' ? 'warn' : '')), r.found.slice(0, 3).map((a) => h('div', { class: 'reason' }, h('button', { type: 'button', class: 'link', onclick: () => go({ view: 'findings', id: a.id, q: '' }) }, a.finding), ': ', clean(a.observed), '. ', clean(a.why)))]] })),
  'None is open, or none that the filter lets through.'), more(list_.length, ROWS_MAX), names.length > MODELS_ASKED_MAX && h('p', { class: 'empty' }, 'What is learned is shown for the first ' + MODELS_ASKED_MAX + ' workloads: filter for others.')];
}

// ---- models
const DIM_STATE = { unfed: 'nothing feeds it', learning: 'learning', monitoring: 'learned', locked: 'locked' };
function dimensionCell(d) {
  return h('span', { class: 'dim ' + d.state, title: clean(d.dimension + ': ' + (DIM_STATE[d.state] || d.state) + ', ' + plural(d.facts, 'fact') + ', ' + plural(d.windows, 'window') + ', unseen about ' + (100 * d.unseen).toFixed(1) + ' %' + (d.waits_for ? ', waits for ' + d.waits_for : '')) },
    d.dimension, ' ', d.state === 'learning' ? Math.round(100 * (1 - Math.min(1, d.unseen))) + ' %' : d.facts);
}
function modelsView() {
  if (!data.models) return waiting('models');
  const modes = new Map((data.policy?.workloads || []).map((w) => [w.workload, w])), all = data.models.filter((m) => matches(m.workload + ' ' + m.state + ' ' + m.image, state.q));
  const done = all.filter((m) => m.state === 'monitoring').length, one = state.id && all.find((m) => m.workload === state.id);
  return [h('h2', {}, plural(all.length, 'model') + ', ' + done + ' learned'), h('progress', { max: Math.max(1, all.length), value: done, 'aria-label': 'Models that have learned' }), one && modelFacts(one),
    table('Models', [['Workload', ''], ['State', ''], ['Dimensions', ''], ['Waits for', ''], ['Windows', 'num'], ['Policy', ''], ['Since', '']], all.sort(by((m) => m.workload)).slice(0, ROWS_MAX).map((m) => ({ key: m.workload, cls: m.state, cells: [
      h('button', { type: 'button', class: 'link', onclick: () => go({ id: state.id === m.workload ? '' : m.workload }) }, clean(m.workload)), tag(m.state, m.state === 'monitoring' ? 'ok' : 'learning'), m.dimensions.map(dimensionCell),
      [...new Set(m.dimensions.map((d) => d.state === 'learning' ? d.dimension + ': ' + d.waits_for : '').filter(Boolean))].slice(0, 4).map((t) => h('div', {}, clean(t))), Math.max(0, ...m.dimensions.map((d) => d.windows)),
      [modes.get(m.workload)?.mode || '', modes.get(m.workload)?.refused_in + modes.get(m.workload)?.refused_out > 0 && ' · refused ' + (modes.get(m.workload).refused_in + modes.get(m.workload).refused_out)], when(m.first_seen)] })),
    'No workload is seen yet.'), more(all.length, ROWS_MAX)];
}
function modelFacts(m) {
  const r = modelAsk(m.workload), groups = Map.groupBy ? Map.groupBy(r.facts || [], (f) => f.dimension) : new Map();
  const change = (verb, dimension) => ask(verb + ' ' + (dimension || 'all dimensions') + ' of ' + clean(m.workload) + '?', [h('p', {}, verb === 'Lock' ? 'It stops learning; all that is not in it is found.' : 'It learns again from now.')], verb, async () => {
    await post(verb === 'Lock' ? '/v1/model/lock' : '/v1/model/reopen', { workload: m.workload, dimension });
    return 'Done.';
  });
  return h('section', { class: 'model' }, h('h3', {}, clean(m.workload)), r.error && h('p', { class: 'error' }, clean(r.error)), !r.facts && h('p', { class: 'empty' }, 'Asking…'),
    m.dimensions.map((d) => h('details', { 'data-key': d.dimension }, h('summary', {}, d.dimension, ' ', tag(DIM_STATE[d.state] || d.state, d.state === 'learning' ? 'learning' : 'ok'), ' ', plural(d.facts, 'fact'), d.waits_for && ', waits for ' + clean(d.waits_for)),
      !snapshot && h('p', { class: 'actions' }, h('button', { type: 'button', onclick: () => change('Lock', d.dimension) }, 'Lock…'), h('button', { type: 'button', onclick: () => change('Reopen', d.dimension) }, 'Reopen…')),
      table(d.dimension, [['Fact', ''], ['Source', ''], ['Where', ''], ['Seen', 'num'], ['Last', '']], (groups.get(d.dimension) || []).slice(0, 100).map((f) => [clean(f.text), sourceTag(f.source), f.where && code(f.where), f.count, when(f.last_seen)]), 'No facts.'))));
}

// ---- a page of its own, with the data in it: for a ticket, a report
const digestOf = async (text) => "'sha256-" + btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))) + "'";
async function savedPage() {
  const [css, js] = await Promise.all(['/app.css', '/app.js'].map(async (path) => (await request(path)).text()));
  const what = {};
  for (const name of ['map', 'alerts', 'containers', 'listeners', 'models', 'networks', 'policy', 'status']) what[name] = data[name] || await get(RESOURCES[name].path);
  const json = JSON.stringify(what).replace(/</g, '\\u003c'), policy = "default-src 'none'; img-src data:; style-src " + await digestOf(css) + '; script-src ' + await digestOf(js);
  return ['<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="', policy, '"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Pierglass</title><link rel="icon" href="data:,"><style>', css,
    '</style></head><body><a class="skip" href="#main" id="skip">Skip to the content</a><header><h1>Pierglass</h1><nav id="nav" aria-label="Views"></nav><label class="search"><span class="hidden">Filter</span><input id="filter" type="search"><span id="filter-error"></span></label>',
    '<p id="health" role="status"></p></header><div id="notice" role="alert" hidden></div><p id="done"></p><main id="main" tabindex="-1"></main><script type="application/json" id="snapshot">', json, '</', 'script><script>', js, '</', 'script></body></html>'].join('');
}
async function savePage() {
  try {
    offer(new Blob([await savedPage()], { type: 'text/html' }), 'pierglass-' + new Date().toISOString().slice(0, 19).replace(/:/g, '') + '.html');
  } catch (e) {
    done(clean(e.message));
  }
}

// ---- status
function statusView() {
  const st = data.status;
  if (!st) return waiting('status');
  const losses = Object.entries(st.loss).filter(([, n]) => n), row = (o) => Object.entries(o).filter(([, n]) => n !== '' && n !== null && typeof n !== 'object').map(([k, n]) => [k.replace(/_/g, ' '), typeof n === 'number' ? n.toLocaleString('en', { maximumFractionDigits: 1 }) : clean(n)]);
  const holds = data.policy?.holds || [];
  return [h('h2', {}, 'Sensor ' + clean(st.node)), facts([['Version', clean(st.version)], ['Since', clock(st.started)], ['Its clock', clock(st.time)]]),
    !snapshot && h('p', { class: 'actions' }, h('button', { type: 'button', 'data-act': 'save', title: 'One file that shows map, findings, listeners and models as they are now, without the sensor', onclick: savePage }, 'Save this page with its data')),
    section('What was lost', losses.length ? table('Losses', [['Counter', ''], ['Count', 'num'], ['While this page looked', 'num']], losses.map(([k, n]) => ({ cls: n > (lossBase?.[k] || 0) ? 'odd' : '', key: k, cells: [k.replace(/_/g, ' '), n.toLocaleString('en'), (n - (lossBase?.[k] || 0)).toLocaleString('en')] })), '') : h('p', {}, 'Nothing.')),
    section('What is not seen', st.not_seen.length ? list(st.not_seen.map((x) => typeof x === 'string' ? clean(x) : row(x).map(([k, v]) => k + ': ' + v).join(', '))) : h('p', {}, 'Nothing that it knows of.')),
    section('Held', holds.length ? table('Held', [['Kind', ''], ['Container', ''], ['Peer', ''], ['Port', ''], ['Since', ''], ['Until', '']], holds.map((x) => [x.kind, clean(x.container), x.peer, x.port, when(x.since), clock(x.until)]), '') : h('p', {}, 'Nothing is blocked by hand or by an action.')),
    section('Engines', table('Engines', [['Name', ''], ['Up', ''], ['Version', ''], ['Gaps', 'num'], ['Error', '']], st.engines.map((e) => [clean(e.name), e.up ? 'yes' : tag('no', 'warn'), clean(e.version), e.gaps, clean(e.error)]), 'None.')),
    section('Programs', table('Programs', [['Name', ''], ['Runs', ''], ['Starts', 'num'], ['Since', '']], st.programs.map((p) => [p.name, p.running ? 'yes' : tag('no', 'warn'), p.starts, when(p.since)]), 'None.')),
    section('Features that this kernel lacks', list(st.features.filter((f) => !f.present).map((f) => clean(f.name) + ': ' + clean(f.consequence))) || h('p', {}, 'None.')),
    section('Rates', facts(row(st.rates))), section('Tables', facts(row(st.tables))), section('Evidence', facts(row(st.evidence))), section('Outputs', list(st.outputs.map((o) => row(o).map(([k, v]) => k + ': ' + v).join(', '))) || h('p', {}, 'None.'))];
}
