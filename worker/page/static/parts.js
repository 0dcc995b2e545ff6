'use strict';
/* Small parts that every view is made of. Texts reach the page as text only. */

const SVG = 'http://www.w3.org/2000/svg';

/** Sets attributes (`text`: the content, `onclick` and so on: listeners) and adds children. */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') element.textContent = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

const $ = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);
const S = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** The value of a colour or font of the style sheet, for what is drawn on a canvas. */
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// --- numbers and times; all times are UTC

const grouped = new Intl.NumberFormat('en-US');
const two = number => String(number).padStart(2, '0');
/** Milliseconds or any other whole number; a dash for none. */
const whole = value => value === null || value === undefined ? '–' : grouped.format(Math.round(value));
const short = ms => ms < 1000 ? `${ms} ms` : `${+(ms / 1000).toFixed(1)} s`;
/** Time of day of an instant in epoch ms. */
function clock(at, seconds = false) {
  const time = new Date(at);
  const minutes = `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}`;
  return seconds ? `${minutes}:${two(time.getUTCSeconds())}` : minutes;
}
const day = at => new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(at);
/** A time within a call, in minutes and seconds. */
const within = ms => `${Math.floor(ms / 60000)}:${two(Math.floor(ms / 1000) % 60)}`;
const percent = (part, all, digits = 0) => all ? `${(100 * part / all).toFixed(digits)} %` : '–';
const plural = (count, one, more = `${one}s`) => `${grouped.format(count)} ${count === 1 ? one : more}`;

/** A span of time in words. */
function spanText(from, to) {
  const same = day(from) === day(to - 1);
  return same ? `${clock(from)} to ${clock(to)} UTC, ${day(from)}`
    : `${day(from)}, ${clock(from)} to ${day(to)}, ${clock(to)} UTC`;
}

// --- a note beside the pointer

const note = $('div', { class: 'tip', role: 'status' });
document.body.append(note);

function showNote(event, text) {
  note.textContent = text;
  note.classList.toggle('shown', Boolean(text));
  const box = note.getBoundingClientRect();
  note.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
  note.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 8))}px`;
}
const hideNote = () => note.classList.remove('shown');

/** An element that shows a text while the pointer is over it. */
function withNote(element, text) {
  element.addEventListener('pointermove', event => showNote(event, text));
  element.addEventListener('pointerleave', hideNote);
  return element;
}

// --- cards, tiles, chips

/** A legend of [colour variable, text, kind]; kind: box, line or hatch. */
const legend = entries => $('div', { class: 'legend' }, ...entries.map(([colour, text, kind]) =>
  $('span', {}, $('i', { class: `${kind || 'line'} c-${colour}` }), text)));

const card = (title, hint, entries, ...children) => $('section', { class: 'card' },
  $('div', { class: 'head' }, $('h2', { text: title }),
    hint ? $('span', { class: 'hint', text: hint }) : null, entries ? legend(entries) : null),
  ...children);

const chip = (text, kind = '') => $('span', { class: `chip ${kind}`, text });

/** A tile: what, the number with its unit, and what else is to be known of it. */
const tile = (label, number, unit, hint, drawing, hot = false) => $('div', { class: 'card tile' },
  $('div', { class: 'label', text: label }),
  $('div', { class: `num${hot ? ' hot' : ''}` }, number, unit ? $('small', { text: ` ${unit}` }) : null),
  $('div', { class: 'note', text: hint, title: hint }), drawing);

/** A line (or bars) in small, of values by bin. */
function spark(values, colour, bars = false) {
  const width = 200, height = 26, count = values.length;
  const most = Math.max(1, ...values.map(value => value || 0));
  const svg = S('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', class: 'spark' });
  if (bars) {
    values.forEach((value, i) => value && svg.append(S('rect', {
      x: i * width / count, y: height - value / most * (height - 2), class: `f-${colour}`,
      width: Math.max(1, width / count - 1), height: value / most * (height - 2) })));
    return svg;
  }
  const points = values.map((value, i) => value === null ? ''
    : `${i && values[i - 1] !== null ? 'L' : 'M'}${i * width / Math.max(1, count - 1)},${height - 2 - value / most * (height - 4)}`);
  svg.append(S('path', { d: points.join(''), class: `s-${colour} thin` }));
  return svg;
}

/** A table: heads are texts or [text, class]; rows are arrays of cells. */
function table(label, heads, rows) {
  return $('table', { 'aria-label': label },
    $('thead', {}, $('tr', {}, ...heads.map(head => {
      const [text, kind] = Array.isArray(head) ? head : [head, ''];
      return $('th', { scope: 'col', class: kind, text });
    }))),
    $('tbody', {}, ...rows));
}

const cell = (content, kind = '') => content instanceof Node
  ? $('td', { class: kind }, content) : $('td', { class: kind, text: content });

/** Error codes with how often each came, where that is more than once. */
function counted(codes) {
  const times = new Map();
  for (const code of codes) times.set(code, (times.get(code) || 0) + 1);
  return [...times].map(([code, count]) => count > 1 ? `${code} × ${count}` : code);
}

/** What happened in a call as chips, at most three, the worst first. `at`: the session's number. */
function happened(at) {
  const one = name => DATA.sessions[name][at], found = [];
  if (one('abandoned')) found.push(chip('gave up', 'bad'));
  for (const code of counted(one('codes')).slice(0, 2)) found.push(chip(`error ${code}`, 'bad'));
  if (one('unanswered')) found.push(chip(`${one('unanswered')} unanswered`, 'warn'));
  if (one('doubtful')) found.push(chip(`${one('doubtful')} in doubt`));
  if (one('missing')) found.push(chip(`${one('missing')} missing`));
  if (one('interruptions')) found.push(chip(plural(one('interruptions'), 'interruption'), 'warn'));
  return found.slice(0, 3);
}

const PARTS_TARGETS = { SttLatency: [350, 500], ApplicationLatency: [375, 750], TtsLatency: [100, 250] };
/** Targets and limits in ms by platform, which the pictures show as dashed lines. */
const TARGETS = {
  twilio: { CallerWait: [885, 1100], ResponseLatency: [885, 1100], ...PARTS_TARGETS },
  pinecall: { CallerWait: [1385, 1600], ResponseLatency: [1385, 1600], ...PARTS_TARGETS },
};
/** A platform's target and limit of a metric; nothing where it has none. */
const targetsOf = (platform, metric) => (TARGETS[platform] || {})[metric] || [];
/** Those of the fleet: of its platform, if all its calls are of one. */
const fleetTargets = metric => DATA.fleet.platforms.length === 1 ? targetsOf(DATA.fleet.platforms[0], metric) : [];
/** The wait in ms that is too long on a platform. */
const limitOf = platform => targetsOf(platform, 'CallerWait')[1] ?? Infinity;
const PARTS = { SttLatency: 'speech to text', ApplicationLatency: 'the application', TtsLatency: 'text to speech' };

const link = at => $('a', { class: 'sid short', href: `#call/${DATA.sessions.sid[at]}`, text: DATA.sessions.sid[at], title: DATA.sessions.sid[at] });
