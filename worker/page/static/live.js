'use strict';
/* The page of a running worker: asks it every few seconds, and keeps what is looked at in place. */

const EVERY_MS = 5000, SLOWEST_MS = 60000, PATIENCE_MS = 20000;
const LIVE = { on: false, minutes: 60, run: null, after: 0, answered: null, failures: 0, timer: null, changed: false, asking: false };

const BUSY_MS = 1000, BUSY_TIMES = 4;

/** The last answer under each name: of which path, with which tag. */
const ANSWERED = {};

/** What the worker answers at a path; null for a 404. One that is busy is asked again. */
async function asked(path, times = BUSY_TIMES) {
  const name = path.split('?')[0], before = ANSWERED[name] && ANSWERED[name].path === path ? ANSWERED[name] : null;
  const headers = before ? { 'If-None-Match': before.tag } : {};
  const answer = await fetch(`page/data/${path}`, { signal: AbortSignal.timeout(PATIENCE_MS), credentials: 'omit', headers });
  if (before && answer.status === 304) return before.value;
  if (answer.status === 404) return null;
  if (answer.status === 503 && answer.headers.has('Retry-After') && times > 0) {
    await new Promise(done => setTimeout(done, BUSY_MS * (1 + Math.random())));
    return asked(path, times - 1);
  }
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  const value = await answer.json(), tag = answer.headers.get('ETag');
  if (tag) ANSWERED[name] = { path, tag, value };
  return value;
}

const viewNow = () => (/^#?([a-z]*)/.exec(location.hash) || [])[1] || 'fleet';

/** Adds rows to the columns; a session that is known is replaced, one that is no longer kept goes. */
function addRows(rows, oldest) {
  const columns = DATA.sessions, again = new Set(rows.map(row => `${row.sid} ${row.continued}`));
  const kept = [...columns.sid.keys()].filter(i => columns.cursor[i] >= oldest && !again.has(`${columns.sid[i]} ${columns.continued[i]}`));
  const gone = kept.length !== columns.sid.length;
  if (!rows.length && !gone) return false;
  for (const name of Object.keys(columns)) {
    columns[name] = kept.map(i => columns[name][i]).concat(rows.map(row => row[name]));
  }
  texts = null;
  return true;
}

const noSessions = () => Object.fromEntries(['sid', 'call', 'platform', 'agent', 'began', 'lasted', 'longest', 'given_up', 'median', 'response',
  'turns', 'sure', 'interruptions', 'tokens', 'end', 'language', 'setup', 'codes', 'abandoned', 'unanswered', 'missing', 'doubtful',
  'strip', 'cells', 'cursor', 'continued'].map(name => [name, []]));

async function askSessions() {
  let changed = false;
  for (;;) {
    const answer = await asked(`sessions.json?after=${LIVE.after}&run=${LIVE.run || ''}`);
    if (answer.run !== LIVE.run) {
      LIVE.run = answer.run;
      DATA.sessions = noSessions();
      texts = null;
      changed = true;
    }
    LIVE.after = answer.next;
    changed = addRows(answer.rows, answer.oldest) || changed;
    if (!answer.more) return changed;
  }
}

async function askAll() {
  const fleet = await asked(`fleet.json?minutes=${LIVE.minutes}`);
  const before = DATA.fleet && JSON.stringify(DATA.fleet);
  DATA.fleet = { ...fleet.fleet, settled: fleet.settled, since: fleet.since, also: fleet.also, mostMinutes: fleet.most_minutes };
  let changed = before !== JSON.stringify(DATA.fleet);
  changed = await askSessions() || changed;
  if (viewNow() === 'pipeline') {
    DATA.pipeline = await asked('pipeline.json');
    changed = true;
  }
  return changed;
}

function showState() {
  const text = document.getElementById('state');
  const failing = LIVE.failures > 0;
  document.body.classList.toggle('stale', failing);
  if (LIVE.answered === null) text.textContent = failing ? 'no answer yet' : 'asking';
  else if (failing) text.textContent = `no answer since ${clock(LIVE.answered, true)} UTC`;
  else text.textContent = `live, ${Math.round((Date.now() - LIVE.answered) / 1000)} s ago; all times UTC`;
}

/** Whether somebody is just now marking text or drawing a zoom, which a change would end. */
const busy = () => {
  const selection = getSelection();
  return LIVE.pressed || (selection && !selection.isCollapsed && main.contains(selection.anchorNode));
};

/** What is looked at stays where it is while its view is made again. */
async function keeping(make) {
  const box = document.querySelector('.vt'), page = [scrollX, scrollY];
  const row = box && [...box.querySelectorAll('tr.link')].find(one => one.offsetTop + ROW > box.scrollTop);
  const anchor = row && { href: row.querySelector('a').hash, by: row.offsetTop - box.scrollTop, top: box.scrollTop };
  const zoom = zoomed(), focus = document.activeElement, held = main.contains(focus) ? focusKey(focus) : null;
  const scrolled = [...main.querySelectorAll('.scroll')].map(one => [one.scrollLeft, one.scrollTop]);
  await make();
  if (anchor && anchor.top > 0) main.scrollToRow?.(anchor.href, anchor.by);
  if (zoom) zoomTo(zoom);
  [...main.querySelectorAll('.scroll')].forEach((one, i) => { [one.scrollLeft, one.scrollTop] = scrolled[i] || [0, 0]; });
  if (held) [...main.querySelectorAll('a, button, [tabindex]')].find(one => focusKey(one) === held)?.focus({ preventScroll: true });
  scrollTo(...page);
}

const focusKey = element => element.hash || element.getAttribute('aria-label') || element.textContent;

/** How long nobody asks: longer while nobody answers, longest while nobody looks. */
const pauseOf = (failures, hidden) => hidden ? SLOWEST_MS : Math.min(SLOWEST_MS, EVERY_MS * 2 ** Math.max(0, failures - 1));

async function turn() {
  LIVE.again = LIVE.asking;
  if (LIVE.asking) return;
  clearTimeout(LIVE.timer);
  LIVE.asking = true;
  try {
    LIVE.changed = await askAll() || LIVE.changed;
    LIVE.failures = 0;
    LIVE.answered = Date.now();
  } catch {
    LIVE.failures += 1;
  }
  LIVE.asking = false;
  showState();
  await draw();
  LIVE.timer = setTimeout(turn, LIVE.again ? 0 : pauseOf(LIVE.failures, document.hidden));
}

/** Draws what has changed, unless it is a call, which stays as it was opened. */
async function draw() {
  if (!LIVE.changed || busy() || LIVE.answered === null) return;
  LIVE.changed = false;
  if (LIVE.shown && viewNow() === 'call') return;
  const first = !LIVE.shown;
  LIVE.shown = true;
  await (first ? show() : keeping(show));
}

/** Another span of the fleet, or another view, is asked for at once. */
function wanted(view, rest) {
  const minutes = Number(new URLSearchParams(rest).get('minutes'));
  const other = view === 'fleet' && minutes > 0 && minutes !== LIVE.minutes;
  if (other) LIVE.minutes = minutes;
  if (other || (view === 'pipeline' && !DATA.pipeline)) {
    LIVE.failures = 0;
    setTimeout(turn);
  }
}

function startLive() {
  LIVE.on = true;
  DATA = { title: null, source: 'live', redacted: false, fleet: null, sessions: noSessions(), pipeline: null };
  addEventListener('hashchange', () => { if (LIVE.shown) show(); });
  addEventListener('pointerdown', () => { LIVE.pressed = true; });
  for (const over of ['pointerup', 'pointercancel']) addEventListener(over, () => { LIVE.pressed = false; });
  document.addEventListener('selectionchange', () => setTimeout(draw, 200));
  document.addEventListener('visibilitychange', () => { if (!document.hidden) turn(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (LIVE.shown) keeping(show); });
  setInterval(showState, 1000);
  const first = new URLSearchParams(location.hash.split('?')[1] || '').get('minutes');
  if (viewNow() === 'fleet' && Number(first) > 0) LIVE.minutes = Number(first);
  return turn();
}

/** Latencies that have no chart: what an operator asks for after the others. */
function alsoMeasured(also) {
  const name = metric => metric.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
  const rows = also.map(row => $('tr', {}, $('th', { scope: 'row', class: 'l', text: name(row.metric), title: row.metric }),
    cell(row.about, 'l soft'), cell(whole(row.n)), cell(interval(row.p50)), cell(interval(row.p95)), cell(whole(row.p99))));
  return $('div', { class: 'row' }, card('Also measured', 'ms, median and p95 with their 95 % intervals', null,
    $('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Also measured' },
      table('Also measured', [['latency', 'l'], ['what it is', 'l'], 'samples', 'p50, within', 'p95, within', 'p99'], rows))));
}

/** The spans that the fleet can be seen over. */
function spans(fleet) {
  const all = [15, 60, 180, 360, 720, 1440].filter(minutes => minutes <= fleet.mostMinutes);
  if (!all.includes(fleet.mostMinutes)) all.push(fleet.mostMinutes);
  return $('span', { class: 'chips', role: 'group', 'aria-label': 'Span' }, ...all.map(minutes => $('a', {
    class: 'button', href: `#fleet?minutes=${minutes}`, 'aria-current': minutes === LIVE.minutes ? 'true' : null,
    text: minutes < 60 ? `${minutes} min` : `${+(minutes / 60).toFixed(1)} h` })));
}

/** What the last minutes still lack, and since when anything is known. */
function stillComing(fleet) {
  const end = start(fleet, fleet.count), from = Math.max(fleet.settled, fleet.start), parts = [];
  if (from < end) parts.push(`Grey: still coming in, from ${clock(from)} on.`);
  if (fleet.since !== null && fleet.since > fleet.start) {
    parts.push(`Since ${clock(fleet.since)}, when this worker began; what was published before is not here.`);
  }
  return $('p', { class: 'sub', text: parts.join(' ') });
}
