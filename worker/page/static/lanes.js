'use strict';
/* The call on one time axis: who speaks, when the caller waits, and for what. */

const LANES = [['Customer', 30], ['Agent', 30], ['Caller waits', 24], ['Application', 18], ['STT, TTS', 18], ['Events', 18]];
const [LEFT, RIGHT, GAP, TOP] = [92, 14, 7, 4];

/** Hatches, which mean: not known, or not ended. */
function hatches() {
  const hatch = name => S('pattern', { id: `h-${name}`, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    S('rect', { width: 6, height: 6, class: `f-${name}`, opacity: 0.25 }), S('rect', { width: 2.5, height: 6, class: `f-${name}` }));
  return S('defs', {}, ...['customer', 'agent', 'wait', 'app', 'missing'].map(hatch));
}

const BANDS = [['call_held', 'call_unheld', 'on hold'], ['handoff begins', 'handoff ends', 'with a human']];

/** The times on hold and with a human, as [from, to, text]; one that never ends lasts to the end. */
function bandsOf(marks, end) {
  return BANDS.flatMap(([begins, ends, text]) => {
    const found = [];
    let since = null;
    for (const [at, what, detail] of marks) {
      const said = what === 'handoff' ? `${what} ${detail}` : what;
      if (said === begins) since ??= at;
      if (said === ends && since !== null) { found.push([since, at, text]); since = null; }
    }
    return since === null ? found : [...found, [since, end, text]];
  });
}

/** Where a call ends, in ms since it began. */
const lengthOf = record => Math.max(1, Date.parse(record.ended_at) - Date.parse(record.started_at));

class Lanes {
  /** Draws a record's timeline into an element, from one time in it to another. */
  constructor(element, record) {
    this.element = element;
    this.record = record;
    this.end = lengthOf(record);
    this.from = 0;
    this.to = this.end;
    this.draw();
  }

  show(from, to) {
    const least = Math.min(400, this.end), length = Math.max(least, Math.min(to - from, this.end));
    this.from = Math.max(0, Math.min(from, this.end - length));
    this.to = this.from + length;
    this.draw();
  }

  /** By which factor the span in sight grows. */
  zoom(factor) {
    const middle = (this.from + this.to) / 2, half = (this.to - this.from) / 2 * factor;
    this.show(middle - half, middle + half);
  }

  key(event) {
    const length = this.to - this.from, step = length / 4;
    const act = {
      ArrowLeft: () => this.show(this.from - step, this.to - step), ArrowRight: () => this.show(this.from + step, this.to + step),
      '+': () => this.zoom(0.5), '=': () => this.zoom(0.5), '-': () => this.zoom(2), Home: () => this.show(0, this.end), Escape: () => this.show(0, this.end),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
    this.element.firstElementChild.focus();
  }

  x(at) { return LEFT + (at - this.from) / (this.to - this.from) * (this.width - LEFT - RIGHT); }
  at(x) { return this.from + (x - LEFT) / (this.width - LEFT - RIGHT) * (this.to - this.from); }

  /** A block in a lane, if any of it is in sight; gives its width. */
  block(lane, from, to, kind, text, { least = 1.5, pale = false } = {}) {
    if (to < this.from || from > this.to) return 0;
    const [x, end] = [Math.max(LEFT, this.x(from)), Math.min(this.width - RIGHT, this.x(to))];
    const width = Math.max(least, end - x), [y, height] = this.places[lane];
    this.svg.append(withNote(S('rect', { x, y, width, height, rx: Math.min(3, width / 2), class: kind, opacity: pale ? 0.5 : null }), text));
    return width;
  }

  /** A wait's length in its block: in ms where there is room for that, else in s, else not. */
  label(lane, from, to, ms, kind) {
    const [x, end] = [Math.max(LEFT, this.x(from)), Math.min(this.width - RIGHT, this.x(to))];
    const [y, height] = this.places[lane];
    const text = end - x > 66 ? `${whole(ms)} ms` : (ms / 1000).toFixed(1);
    if (end - x > text.length * 6.6 + 4) this.svg.append(S('text', { x: (x + end) / 2, y: y + height / 2 + 4, class: `lbl ${kind}`, 'text-anchor': 'middle', text }));
  }

  draw() {
    this.width = Math.max(260, this.element.clientWidth);
    this.places = {};
    let y = TOP;
    for (const [name, height] of LANES) { this.places[name] = [y, height]; y += height + GAP; }
    this.bottom = y;
    this.svg = S('svg', {
      width: this.width, height: y + 22, tabindex: 0, role: 'group', class: 'lanes',
      'aria-label': `The call from ${within(this.from)} to ${within(this.to)}: arrow keys move, plus and minus zoom, Home shows all. The table below has its numbers.` }, hatches());
    this.axis();
    this.waits();
    this.speech();
    this.parts();
    this.events();
    this.pointer();
    this.svg.addEventListener('keydown', event => this.key(event));
    this.element.replaceChildren(this.svg);
  }

  axis() {
    for (const [name, [y, height]] of Object.entries(this.places)) this.svg.append(S('text', { x: 0, y: y + height / 2 + 4, class: 'lane', text: name }));
    const steps = [100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000];
    const most = Math.max(2, Math.floor((this.width - LEFT) / 90)), step = steps.find(one => (this.to - this.from) / one <= most) || 7200000;
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) {
      const text = step < 1000 ? `${within(at)}.${Math.floor(at % 1000 / 100)}` : within(at);
      this.svg.append(S('line', { x1: this.x(at), x2: this.x(at), y1: TOP, y2: this.bottom, class: 'gridline' }),
        S('text', { x: this.x(at), y: this.bottom + 14, class: 'ax', 'text-anchor': 'middle', text }));
    }
  }

  waits() {
    const [top] = this.places.Customer, [bottom] = this.places['Caller waits'];
    for (const [since, audio, speech, doubtful] of this.record.timeline.waits) {
      const to = audio ?? this.end, ms = to - since - speech, slow = ms > limitOf(this.record.platform) || audio === null;
      if (to < this.from || since > this.to) continue;
      const x = Math.max(LEFT, this.x(since)), end = Math.min(this.width - RIGHT, this.x(to));
      if (slow) this.svg.append(S('rect', { x, y: top, width: Math.max(1, end - x), height: bottom - top, class: 'f-wait', opacity: 0.1 }));
      const kind = doubtful ? 'hatch-missing' : audio === null ? 'hatch-wait' : slow ? 'f-wait' : 'f-wait2';
      const text = `${audio === null ? 'waited until the end' : 'waited'}: ${whole(ms)} ms`
        + (speech ? `, spoke ${whole(speech)} ms in it` : '') + (doubtful ? '\nEvents are missing in it: it may have been no wait.' : '');
      this.block('Caller waits', since, to, kind, text);
      if (slow) this.label('Caller waits', since, to, ms, doubtful || audio === null ? 'halo' : 'on');
    }
  }

  speech() {
    const { customer, agent } = this.record.timeline;
    const one = (lane, start, end, kind, name, pale) => {
      if (start === null || end === null) {
        const at = start ?? end, from = start ?? Math.max(0, end - 700), to = end ?? Math.min(this.end, start + 700);
        this.block(lane, from, to, `hatch-${kind}`, `${name} at ${within(at)}: its ${start === null ? 'begin' : 'end'} was never seen`, { least: 5 });
      } else this.block(lane, start, end, `f-${kind}`, `${name}, ${within(start)}: ${whole(end - start)} ms`, { pale });
    };
    for (const [start, end] of customer) one('Customer', start, end, 'customer', 'customer speaks', false);
    for (const [start, end, outcome] of agent) one('Agent', start, end, 'agent', outcome ? `agent speaks (${outcome})` : 'agent speaks, and answers nobody', !outcome);
  }

  parts() {
    const { prompts, stt, tts } = this.record.timeline;
    for (const [sent, first, sure] of prompts) {
      if (first === null) this.block('Application', sent, sent + 1, 'f-bad', `prompt at ${within(sent)}: no reply`, { least: 4 });
      else this.block('Application', sent, first, sure ? 'f-app' : 'hatch-app', `application: ${whole(first - sent)} ms${sure ? '' : ', but it is uncertain whose reply it is'}`);
    }
    for (const [list, name, kind] of [[stt, 'STT', 'stt'], [tts, 'TTS', 'tts']]) {
      for (const [at, latency] of list) this.block('STT, TTS', at - latency, at, `f-${kind}`, `${name}: ${whole(latency)} ms`, { least: 3 });
    }
  }

  events() {
    const { gaps, marks } = this.record.timeline, [y, height] = this.places.Events;
    for (const [after, before, missing] of gaps) {
      this.block('Events', after, before, 'hatch-missing', `${plural(missing, 'event')} missing between ${within(after)} and ${within(before)}`, { least: 5 });
    }
    for (const [from, to, text] of bandsOf(marks, this.end)) {
      this.block('Events', from, to, 'f-missing band', `${text}: ${short(to - from)}`, { pale: true });
    }
    for (const [at, what, detail] of marks) {
      if (at < this.from || at > this.to) continue;
      const x = this.x(at), text = `${what.replaceAll('_', ' ')}${detail ? ` ${detail}` : ''} at ${within(at)}`;
      if (what === 'interrupt') {
        const [top, tall] = this.places.Agent;
        this.svg.append(withNote(S('path', { d: `M${x - 5},${top - 3}h10l-4,6v${tall}h-2v${-tall}z`, class: 'f-bad' }), text));
        continue;
      }
      const kind = what === 'error_event' ? 'bad' : 'soft';
      this.svg.append(withNote(S('path', { d: `M${x},${y + 2}l7,7l-7,7l-7,-7z`, class: `f-${kind}` }), text));
      if (kind === 'bad') this.svg.append(S('text', { x: x + 10, y: y + height / 2 + 4, class: 'ax', text: `error ${detail || ''}` }));
    }
  }

  /** Dragging zooms, a double click shows all. */
  pointer() {
    const picked = S('rect', { y: TOP, width: 0, height: this.bottom - TOP, class: 'picked' });
    const place = event => event.clientX - this.svg.getBoundingClientRect().left;
    let from = null;
    this.svg.append(picked);
    this.svg.addEventListener('pointerdown', event => { if (event.button === 0) from = place(event); });
    this.svg.addEventListener('pointermove', event => {
      if (from === null) return;
      picked.setAttribute('x', Math.min(from, place(event)));
      picked.setAttribute('width', Math.abs(place(event) - from));
    });
    this.svg.addEventListener('pointerup', event => {
      const [low, high] = [Math.min(from ?? 0, place(event)), Math.max(from ?? 0, place(event))];
      if (from !== null && high - low > 5) this.show(this.at(low), this.at(high));
      from = null;
    });
    this.svg.addEventListener('dblclick', () => this.show(0, this.end));
  }
}
