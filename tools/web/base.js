// SPDX-License-Identifier: GPL-2.0-or-later
// What all files of the page use: elements, numbers and times as people read them. The files are one script in the order that
// sensor/core/page.c gives. Text from the sensor goes into the page as text, never as markup.
'use strict';

const SVG = 'http://www.w3.org/2000/svg';

function fill(el, attrs, children) {
  for (const [key, value] of Object.entries(attrs || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) el[key] = value;
    else el.setAttribute(key, value === true ? '' : value);
  }
  for (const child of children.flat(Infinity))
    if (child !== undefined && child !== null && child !== false) el.append(child);
  return el;
}
const h = (name, attrs, ...children) => fill(document.createElement(name), attrs, children);
const s = (name, attrs, ...children) => fill(document.createElementNS(SVG, name), attrs, children);

// Control bytes and what turns text around are shown, not obeyed.
const clean = (text) => String(text ?? '').replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '\ufffd');
const cut = (text, n) => { const t = clean(text); return t.length > n ? t.slice(0, n - 1) + '…' : t; };
const by = (f) => (a, b) => { const x = f(a), y = f(b); return x < y ? -1 : x > y ? 1 : 0; };
const el = (id) => document.getElementById(id);
const sum = (list, f) => list.reduce((n, x) => n + f(x), 0);
const plural = (n, one, many) => n.toLocaleString('en') + ' ' + (n === 1 ? one : many || one + 's');

function bytes(n) {
  let i = 0;
  for (; n >= 1000 && i < 5; i++) n /= 1000;
  return (i && n < 100 ? n.toFixed(1) : Math.round(n)) + ' ' + ['B', 'kB', 'MB', 'GB', 'TB', 'PB'][i];
}
const rate = (n) => bytes(n) + '/s';

function ago(time) {
  if (!time) return '';
  const t = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (t < 60) return Math.round(t) + ' s ago';
  if (t < 3600) return Math.round(t / 60) + ' min ago';
  if (t < 86400) return Math.round(t / 3600) + ' h ago';
  return Math.round(t / 86400) + ' d ago';
}
const clock = (time) => time ? time.replace('T', ' ').slice(0, 19) : '';
const when = (time) => time ? h('time', { datetime: time, title: time }, ago(time)) : '';

const port = (e) => e.l4 + (e.port && !e.l4.startsWith('icmp') ? '/' + e.port : '');
const guessed = (x) => x.app_confidence === 'port-guess' || x.app_confidence === 'unknown';
const app = (e) => e.app === 'Unknown' ? e.l4 : e.app + (guessed(e) ? '?' : '');

// A table: head is [[title, class]…], rows are arrays of cells (or {cells, key, cls}).
function table(caption, head, rows, empty) {
  if (!rows.length) return h('p', { class: 'empty' }, empty);
  return h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption }, h('table', {}, h('caption', { class: 'hidden' }, caption),
    h('thead', {}, h('tr', {}, head.map(([title, cls]) => h('th', { scope: 'col', class: cls }, title)))),
    h('tbody', {}, rows.map((r) => h('tr', { class: r.cls, 'data-key': r.key }, (r.cells || r).map((c, i) => h('td', { class: head[i][1] }, c)))))));
}

const facts = (pairs) => h('dl', {}, pairs.filter(([, v]) => v !== '' && v !== undefined && v !== null && !(Array.isArray(v) && !v.length))
  .map(([k, v]) => [h('dt', {}, k), h('dd', {}, v)]));
const code = (text) => h('code', {}, clean(text));
// Makes what stands there like what should stand there, and leaves alone what is so: focus, scrolling, opened parts stay.
const HANDLERS = ['onclick', 'onchange', 'oninput', 'onkeydown', 'ontoggle'];
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.dataset?.key !== fresh.dataset?.key) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return undefined;
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (name !== 'open' && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const name of HANDLERS) old[name] = fresh[name];
  const was = [...old.childNodes], is = [...fresh.childNodes];
  is.forEach((child, i) => was[i] ? morph(was[i], child) : old.append(child));
  was.slice(is.length).forEach((child) => child.remove());
  return undefined;
}
const show = (el, ...children) => morph(el, fill(el.cloneNode(false), {}, children));

const list = (items) => items.length ? h('ul', {}, items.map((i) => h('li', {}, i))) : '';
const tag = (text, cls) => h('span', { class: 'tag ' + (cls || '') }, text);
