'use strict';
/* All sessions: a table of which only the rows in sight exist, with each call in small. */

const ROW = 32, AT_MOST = 45, PRINTED = 200, STRIP = 180, LETTER = 0x100, STRIP_LETTER = 0x23;

const COLUMNS = [
  ['sid', 'Session', 'l w-sid'], ['began', 'Began', ''], ['longest', 'Longest wait', 'w-longest'], [null, 'The call', 'l w-strip'],
  ['median', 'Median', ''], ['response', 'Resp. p95', ''], ['turns', 'Turns', ''], ['coverage', 'Coverage', ''],
  ['interruptions', 'Interr.', ''], ['tokens', 'Tokens', ''], ['end', 'End', 'l'], ['language', 'Language', 'l'], [null, 'What happened', 'l w-chips']];

let texts = null;
/** What a filter's words are looked for in, by session. */
function searched() {
  if (texts) return texts;
  const s = DATA.sessions;
  texts = s.sid.map((sid, i) => [
    sid, s.call[i], s.platform[i], s.agent[i], s.language[i], s.setup[i], s.end[i], s.codes[i].join(' '),
    s.abandoned[i] ? 'gave up' : '', s.missing[i] ? 'missing' : '', s.doubtful[i] ? 'doubt' : '',
    s.unanswered[i] ? 'unanswered' : ''].join(' ').toLowerCase());
  return texts;
}

const valueOf = (name, i) => name === 'coverage'
  ? (DATA.sessions.turns[i] ? DATA.sessions.sure[i] / DATA.sessions.turns[i] : null) : DATA.sessions[name][i];

/** The sessions that a filter leaves, in its order; what has no value comes last. */
function filtered(filter) {
  const wanted = filter.q.toLowerCase().split(/\s+/).filter(Boolean), all = searched();
  const holds = i => wanted.every(word => all[i].includes(word)) && (filter.bin === null || hasCell(i, filter.bin, filter.cell));
  const found = [...all.keys()].filter(holds);
  const value = new Map(found.map(i => [i, valueOf(filter.sort, i)]));
  const sign = filter.down ? -1 : 1;
  return found.sort((a, b) => {
    const [one, other] = [value.get(a), value.get(b)];
    if (one === null || other === null) return (one === null) - (other === null);
    return (one < other ? -1 : one > other ? 1 : 0) * sign || a - b;
  });
}

/** Whether one of a session's waits is in a cell of the heat map. */
function hasCell(i, bin, cell) {
  const { start: from, width, count } = DATA.fleet, cells = DATA.sessions.cells[i];
  const began = Math.floor(DATA.sessions.began[i] / 60000) * 60000;
  for (let n = 0; n < cells.length; n += 2) {
    if (cells.charCodeAt(n + 1) - LETTER !== cell) continue;
    const at = began + (cells.charCodeAt(n) - LETTER) * 60000;
    if (Math.max(0, Math.min(Math.floor((at - from) / width), count - 1)) === bin) return true;
  }
  return false;
}

/** A call in small: the caller above, the agent below, waits behind them. */
function strip(text) {
  const drawn = [[2, 6, 'f-customer'], [12, 6, 'f-agent'], [2, 16, 'waits'], [2, 16, 'doubt']];
  const paths = text.split('!').slice(0, 4).map((group, n) => {
    const [y, height] = drawn[n];
    let at = 0, path = '';
    for (let i = 0; i < group.length; i += 2) {
      const from = at + group.charCodeAt(i) - STRIP_LETTER, long = group.charCodeAt(i + 1) - STRIP_LETTER, width = Math.max(1, long);
      path += `M${from},${y}h${width}v${height}h${-width}z`;
      at = from + long;
    }
    return path;
  });
  const svg = S('svg', { width: STRIP, height: 20, viewBox: `0 0 ${STRIP} 20`, 'aria-hidden': 'true' });
  for (const n of [2, 3, 0, 1]) if (paths[n]) svg.append(S('path', { d: paths[n], class: drawn[n][2] }));
  return svg;
}

function sessionRow(i, index) {
  const s = DATA.sessions, coverage = percent(s.sure[i], s.turns[i]), slow = s.longest[i] > limitOf(s.platform[i]);
  const open = event => { if (!event.target.closest('a')) location.hash = `#call/${s.sid[i]}`; };
  return $('tr', { class: 'link', 'aria-rowindex': index + 2, onclick: open },
    cell(link(i), 'l'), cell(clock(s.began[i], true)), cell(whole(s.longest[i]), slow ? 'hot strong' : ''),
    cell($('span', { class: 'strip' }, strip(s.strip[i]), $('small', { text: within(s.lasted[i]) })), 'l'),
    cell(whole(s.median[i])), cell(whole(s.response[i])), cell(whole(s.turns[i])), cell(coverage),
    cell(whole(s.interruptions[i])), cell(whole(s.tokens[i])), cell(s.end[i], 'l'), cell(s.language[i], 'l'),
    cell($('span', { class: 'chips' }, ...happened(i)), 'l'));
}

/** The filter that an address names. */
function filterOf(query) {
  const asked = new URLSearchParams(query), sort = asked.get('sort') || 'longest';
  const number = name => /^\d+$/.test(asked.get(name) || '') ? Number(asked.get(name)) : null;
  const known = COLUMNS.some(([name]) => name === sort);
  return { q: asked.get('q') || '', sort: known ? sort : 'longest', down: asked.get('down') !== '0', bin: number('cell') === null ? null : number('bin'), cell: number('cell') };
}

function addressOf(filter) {
  const asked = new URLSearchParams();
  if (filter.q) asked.set('q', filter.q);
  if (filter.sort !== 'longest' || !filter.down) asked.set('sort', filter.sort);
  if (!filter.down) asked.set('down', '0');
  if (filter.bin !== null) { asked.set('bin', filter.bin); asked.set('cell', filter.cell); }
  return String(asked) ? `#sessions?${asked}` : '#sessions';
}

function heads(filter) {
  return COLUMNS.map(([name, text, kind]) => {
    if (name === null) return $('th', { scope: 'col', class: kind, text });
    const sorted = filter.sort === name;
    const down = sorted ? !filter.down : !['sid', 'end', 'language'].includes(name);
    const turn = () => { location.hash = addressOf({ ...filter, sort: name, down }); };
    return $('th', { scope: 'col', class: kind, 'aria-sort': sorted ? (filter.down ? 'descending' : 'ascending') : null },
      $('button', { type: 'button', class: 'sort', onclick: turn }, text, sorted ? (filter.down ? ' ↓' : ' ↑') : null));
  });
}

/** A table of a thousand rows of which only those in sight are made. */
function virtualTable(found, filter) {
  const body = $('tbody'), above = $('tr', { class: 'space', 'aria-hidden': 'true' }), below = $('tr', { class: 'space', 'aria-hidden': 'true' });
  const made = $('table', { 'aria-label': 'Sessions', 'aria-rowcount': found.length + 1 }, $('thead', {}, $('tr', { 'aria-rowindex': 1 }, ...heads(filter))), body);
  const box = $('div', { class: 'vt', tabindex: 0, role: 'group', 'aria-label': 'Sessions, scrolling' }, made);
  let first = -1;
  const draw = () => {
    const at = Math.max(0, Math.min(Math.floor(box.scrollTop / ROW) - 6, found.length - AT_MOST));
    if (at === first) return;
    first = at;
    above.style.height = `${at * ROW}px`;
    below.style.height = `${Math.max(0, found.length - at - AT_MOST) * ROW}px`;
    body.replaceChildren(above, ...found.slice(at, at + AT_MOST).map((i, n) => sessionRow(i, at + n)), below);
  };
  box.addEventListener('scroll', draw, { passive: true });
  box.scrollToRow = (href, by) => {
    const n = found.findIndex(i => href === `#call/${DATA.sessions.sid[i]}`);
    if (n >= 0) { box.scrollTop = made.tHead.offsetHeight + n * ROW - by; draw(); }
  };
  box.printed = () => body.replaceChildren(...found.slice(0, PRINTED).map(sessionRow));
  draw();
  return box;
}

/** A text that a spreadsheet takes for a text. */
const csvText = value => `"${String(value ?? '').replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;

function download(found) {
  const names = ['sid', 'call', 'platform', 'agent', 'began', 'lasted', 'longest', 'median', 'response', 'turns', 'sure', 'interruptions', 'tokens', 'end', 'language', 'setup', 'codes', 'abandoned', 'unanswered', 'missing', 'doubtful'];
  const value = (name, i) => name === 'began' ? new Date(DATA.sessions.began[i]).toISOString() : DATA.sessions[name][i];
  const rows = found.map(i => names.map(name => typeof value(name, i) === 'number' ? value(name, i) : csvText(value(name, i))).join(','));
  const url = URL.createObjectURL(new Blob([[names.join(','), ...rows].join('\r\n'), '\r\n'], { type: 'text/csv' }));
  const anchor = $('a', { href: url, download: 'sessions.csv' });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function cellText(filter) {
  const { start: from, width } = DATA.fleet, { edges } = DATA.fleet.heat;
  const at = from + filter.bin * width;
  return `with a wait of ${whole(edges[filter.cell])} to ${whole(edges[filter.cell + 1])} ms that ended from ${clock(at)} to ${clock(at + width)}`;
}

function showSessions(main, query) {
  const filter = filterOf(query), found = filtered(filter), all = DATA.sessions.sid.length;
  shownCharts.length = 0;
  const where = [filter.q ? `matching “${filter.q}”` : '', filter.bin === null ? '' : cellText(filter)].filter(Boolean).join(', ');
  const box = virtualTable(found, filter);
  main.replaceChildren(
    $('div', { class: 'head' }, $('h1', { text: 'Sessions' }), $('span', { class: 'grow' }),
      where ? $('a', { class: 'button', href: '#sessions', text: 'All sessions' }) : null,
      $('button', { type: 'button', class: 'button', onclick: () => download(found), text: 'CSV' }),
      $('button', { type: 'button', class: 'button', onclick: event => copy(event.target, found.slice(0, 50).map(i => command(DATA.sessions.sid[i])).join('\n')), text: 'Copy commands' })),
    $('p', { class: 'sub', role: 'status', text: `${grouped.format(found.length)} of ${plural(all, 'session')}${where ? `, ${where}` : ''}. Filter by SID, platform, language, provider, voice, model, error code, end, “gave up”, “missing”.` }),
    $('section', { class: 'card flush' }, box));
  main.printed = box.printed;
  main.scrollToRow = box.scrollToRow;
}

const command = sid => `voice-insights session ${sid}`;

async function copy(button, text) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    button.textContent = 'This browser doesn’t let a file copy';
  }
  setTimeout(() => { button.textContent = before; }, 1500);
}
