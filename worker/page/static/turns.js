'use strict';
/* Turn by turn: bars from the customer's end, whose parts add up to the wait if they are known. */

const STEPS = [1500, 2000, 3000, 4000, 5000, 8000, 10000, 15000, 20000, 30000, 60000];
const ENDS_AT = 86; // percent of the column; the rest is for the number

/** What is drawn of a turn row: since when, how long, and its parts as [from, to, kind, text]. */
function turnOf(row, record) {
  const at = Date.parse(row.at) - Date.parse(record.started_at), ends = lengthOf(record), T = record.timeline;
  const turn = { row, at, since: at, label: row.caller_wait_ms ?? row.response_ms, parts: [], speech: [], open: false, doubtful: false };
  const wait = T ? waitOf(row, at, T) : null;
  if (row.outcome === 'greeting' || (!wait && turn.label === null && row.outcome !== 'abandoned')) return { ...turn, total: 0 };
  if (!wait) return { ...turn, ...fromRow(row, ends - at) };
  const [since, audio, speech, doubtful] = wait, total = (audio ?? ends) - since;
  turn.since = since;
  turn.doubtful = Boolean(doubtful);
  turn.label = row.caller_wait_ms ?? total - speech;
  turn.speech = T.customer.filter(([a, b]) => a !== null && b !== null && b > since && a < since + total).map(([a, b]) => [Math.max(0, a - since), Math.min(total, b - since)]);
  if (audio === null) return { ...turn, total, open: true, parts: [[0, total, doubtful ? 'hatch-missing' : 'hatch-wait', `waited ${whole(total - speech)} ms, until the session’s end`]] };
  return { ...turn, total, parts: partsOf(row, wait, T) };
}

/** The wait of a row. */
function waitOf(row, at, T) {
  if (row.outcome === 'greeting' || row.outcome === 'unanswered') return null;
  const open = T.waits.find(([since, audio]) => audio === null && since === at);
  if (open || row.outcome === 'abandoned') return open || null;
  const heard = T.agent.find(([start, , outcome]) => start !== null && start >= at && outcome && outcome !== 'greeting');
  return heard ? T.waits.find(([, audio]) => audio === heard[0]) || null : null;
}

/** A wait's parts: until the prompt, the application, first token to audio; or a single unknown one. */
function partsOf(row, [since, audio, , doubtful], T) {
  const total = audio - since;
  if (doubtful) return [[0, total, 'hatch-missing', 'events are missing in it: it may have been no wait']];
  const prompts = T.prompts.filter(([sent, first]) => sent >= since && sent <= audio && first !== null && first <= audio);
  if (prompts.length !== 1 || !prompts[0][2]) return [[0, total, 'f-wait2', 'the parts of this wait are unknown']];
  const [sent, first] = [prompts[0][0] - since, prompts[0][1] - since];
  const parts = [[0, sent, 'f-soft', `until the prompt: ${whole(sent)} ms`], [sent, first, 'f-app', `application: ${whole(first - sent)} ms`],
    [first, total, 'f-tts', `first token to audio: ${whole(total - first)} ms${row.tts_ms === null ? '' : `; TTS reports ${whole(row.tts_ms)} ms`}`]];
  return parts.filter(([from, to]) => to > from);
}

/** Without a timeline a row's own numbers are all there is. */
function fromRow(row, left) {
  if (row.outcome === 'abandoned') return { total: left, label: left, open: true, parts: [[0, left, 'hatch-wait', `waited ${whole(left)} ms, until the session’s end`]] };
  const total = row.caller_wait_ms ?? row.response_ms ?? 0;
  return { total, parts: total ? [[0, total, 'f-wait2', 'this record has no timeline: its parts are not known']] : [] };
}

/** Where the axis ends: near the usual wait, so that one tool call of 20 s doesn't flatten the rest. */
function axisEnd(turns) {
  const totals = turns.map(turn => turn.total).filter(Boolean).sort((a, b) => a - b);
  const usual = totals[Math.ceil(totals.length * 0.75) - 1] || 0, most = totals[totals.length - 1] || 0;
  const wanted = Math.min(most * 1.06, Math.max(1500, usual * 2.2));
  return STEPS.find(step => step >= wanted) || 60000;
}

const share = (ms, end) => Math.min(1, ms / end) * ENDS_AT;
const at = (ms, end) => `${share(ms, end).toFixed(3)}%`;

function ticks(end) {
  const step = [250, 500, 1000, 2000, 5000, 10000, 20000].find(one => end / one <= 4) || 20000;
  return Array.from({ length: Math.floor(end / step) }, (_, i) => (i + 1) * step);
}

/** Grid, target and limit behind a bar. */
const behind = (end, marks) => [
  ...ticks(end).map(ms => S('line', { x1: at(ms, end), x2: at(ms, end), y1: 0, y2: '100%', class: 'gridline' })),
  ...marks.filter(ms => ms < end).map(ms => S('line', { x1: at(ms, end), x2: at(ms, end), y1: 0, y2: '100%', class: 'target' }))];

function bar(turn, end, marks) {
  const svg = S('svg', { width: '100%', height: 26, role: 'img', 'aria-label': turn.parts.map(part => part[3]).join(', ') || 'no wait' }, hatches(), ...behind(end, marks));
  const block = (from, to, kind, text) => {
    if (to <= from || from >= end) return;
    const width = share(to, end) - share(from, end);
    svg.append(withNote(S('rect', { x: at(from, end), y: 6, width: `${Math.max(0.15, width).toFixed(3)}%`, height: 14, class: kind }), text));
  };
  for (const [from, to, kind, text] of turn.parts) block(from, to, kind, text);
  for (const [from, to] of turn.speech) block(from, to, 'cut-out', `the caller speaks: ${whole(to - from)} ms that are no wait`);
  if (!turn.total) return svg;
  if (turn.total > end) {
    svg.append(S('svg', { x: `${ENDS_AT - 3}%`, overflow: 'visible' }, S('path', { d: 'M0,4l5,9l-5,9h5l5,-9l-5,-9z', class: 'f-card' })));
  }
  const slow = turn.label > (marks[1] ?? Infinity) && !turn.doubtful;
  svg.append(S('text', { x: at(turn.total, end), dx: 6, y: 17, class: `lbl ${slow ? 'hot' : 'plain'}`, text: whole(turn.label) }));
  return svg;
}

const OUTCOMES = { abandoned: 'bad', unanswered: 'bad', ambiguous: 'warn', interrupted: 'warn', doubtful: 'warn' };

/** The table; `chosen` is called with the span of the call that a row covers. */
function turnTable(record, chosen) {
  const turns = record.turn_rows.map(row => turnOf(row, record)), end = axisEnd(turns), marks = targetsOf(record.platform, 'CallerWait');
  const scale = S('svg', { width: '100%', height: 16, role: 'img', 'aria-label': 'the wait and its parts, from the customer’s end' }, S('text', { x: 0, y: 12, class: 'ax', text: '0' }),
    ...ticks(end).map(ms => S('text', { x: at(ms, end), y: 12, class: 'ax', 'text-anchor': 'middle', text: `${+(ms / 1000).toFixed(2)} s` })));
  const names = [['#', 'l'], 'at', ['outcome', 'l'], 'wait', 'response', 'application', 'STT', 'TTS', 'tokens'];
  const head = names.map(name => Array.isArray(name) ? $('th', { scope: 'col', class: name[1], text: name[0] }) : $('th', { scope: 'col', text: name }));
  const rows = turns.map(turn => {
    const { row } = turn, slow = turn.label > limitOf(record.platform) && turn.total > 0 && !turn.doubtful;
    const show = () => chosen(turn.since - 3000, turn.since + turn.total + 4000);
    return $('tr', { class: 'link', onclick: show },
      $('td', { class: 'l' }, $('button', { type: 'button', class: 'plain', 'aria-label': `turn ${row.n}: show it on the time axis`, text: row.n })),
      cell(within(turn.at), 'soft'), cell(row.outcome, `l ${OUTCOMES[row.outcome] || 'soft'}`),
      cell(whole(turn.open ? turn.label : row.caller_wait_ms), slow ? 'hot strong' : ''), cell(whole(row.response_ms)), cell(whole(row.application_ms)),
      cell(whole(row.stt_ms), 'soft'), cell(whole(row.tts_ms), 'soft'), cell(whole(row.tokens), 'soft'), $('td', { class: 'bar' }, bar(turn, end, marks)));
  });
  return $('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Turn by turn' },
    $('table', { class: 'turns', 'aria-label': 'Turn by turn, times in ms' },
      $('thead', {}, $('tr', {}, ...head, $('th', { scope: 'col', class: 'l bar' }, scale))),
      $('tbody', {}, ...rows)));
}
