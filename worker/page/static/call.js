'use strict';
/* One call: when the caller waited, and for what. */

const opened = new Map();

/** What an element of the page holds: base64 of raw deflate. */
async function unpacked(id) {
  const packed = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).text());
}

/** A session of the table as a row of its own; undefined if it is not there. */
function rowOf(sid) {
  const i = DATA.sessions.sid.lastIndexOf(sid);
  return i < 0 ? undefined : { at: i, ...Object.fromEntries(Object.entries(DATA.sessions).map(([name, values]) => [name, values[i]])) };
}

/** A session's row and record, and how many records it has; no record if the report has only the row. */
async function callOf(sid) {
  if (LIVE.on) {
    const found = await asked(`call/${encodeURIComponent(sid)}.json`);
    return found === null ? null : { ...found[found.length - 1], of: found.length };
  }
  const row = rowOf(sid);
  return row === undefined ? null : { row, record: await recordOf(row.at), of: 1 };
}

/** A session's record; null if the report has it only as a row. */
async function recordOf(i) {
  const place = DATA.sessions.place[i];
  if (place < 0) return null;
  const some = Math.floor(place / DATA.at_once);
  if (!opened.has(some)) {
    if (opened.size > 8) opened.delete(opened.keys().next().value);
    opened.set(some, await unpacked(`calls-${some}`));
  }
  return opened.get(some)[place % DATA.at_once];
}

function facts(record, row) {
  const { context, completeness } = record, found = [];
  const kinds = { failure: 'bad', hung_up: 'warn', ended: 'good' };
  found.push(chip(record.end_status || `no wrap-up (${record.close_reason})`, kinds[record.end_status] || ''));
  if (record.abandoned_waits) found.push(chip('the caller gave up waiting', 'bad'));
  for (const error of record.errors) found.push(chip(`error ${error.code}${error.message ? `: ${error.message}` : ''}`, 'bad cut'));
  found.push(chip(`${context.transcription_provider} ${context.speech_model}`, 'cut'), chip(`${context.tts_provider} ${context.voice}`, 'cut'), chip(row.language));
  if (record.platform !== 'twilio') found.push(chip(record.platform));
  if (record.agent) found.push(chip(`agent ${record.agent}`, 'cut'));
  if (record.held_ms) found.push(chip(`on hold ${short(record.held_ms)}`));
  if (record.handoffs) found.push(chip(`${plural(record.handoffs, 'hand-off')}${record.handoff_ms ? `, ${short(record.handoff_ms)} with a human` : ''}`));
  const of = completeness.events + completeness.missing;
  found.push(completeness.missing ? chip(`${completeness.missing} of ${plural(of, 'event')} missing`, 'warn') : chip(`all ${plural(of, 'event')} there`));
  return $('div', { class: 'facts' }, ...found);
}

const NUMBERS = [
  (r, row) => [whole(row.longest), 'longest wait, ms', row.longest > limitOf(r.platform)],
  r => [whole(r.latency_ms.caller_wait?.p50), 'median wait, ms'],
  r => [whole(r.latency_ms.response?.p95), `response p95, ms (${r.latency_ms.response?.count ?? 0} of ${plural(r.turns, 'turn')})`],
  r => [whole(r.latency_ms.application?.p95), 'application p95, ms'],
  r => [`${whole(r.latency_ms.stt?.p50)} / ${whole(r.latency_ms.tts?.p50)}`, 'STT / TTS median, ms'],
  r => [whole(r.interruptions.total), 'interruptions'],
  r => [whole(r.tokens.total), 'tokens'],
  r => [r.talk.agent_share === null ? '–' : `${Math.round(r.talk.agent_share)} %`, 'agent’s share of talk'],
];

/** Latencies of the call beside those that its turns have. */
function further({ latency_ms: of }) {
  const spread = (one, text) => one ? `${text} ${whole(one.p50)} ms${one.count > 1 ? ` (p95 ${whole(one.p95)}, of ${one.count})` : ''}` : null;
  const found = [of.time_to_first_audio === null ? null : `time to first audio ${whole(of.time_to_first_audio)} ms`,
    spread(of.reply_duration, 'agent’s utterances, median'), spread(of.time_to_reply_end, 'customer’s end to the reply’s end'),
    spread(of.barge_in_stop, 'silent after an interruption in')].filter(Boolean);
  return found.length ? $('p', { class: 'sub', text: `Also measured: ${found.join('; ')}.` }) : null;
}

function numbers(record, row) {
  return $('dl', { class: 'card kv' }, ...NUMBERS.map(of => {
    const [value, text, hot] = of(record, row);
    return $('div', {}, $('dt', { text }), $('dd', { class: hot ? 'hot' : '', text: value }));
  }));
}

/** The longest wait and its largest part, in one sentence. */
function sentence(record) {
  const turns = record.turn_rows.map(row => turnOf(row, record)).filter(turn => turn.total && !turn.doubtful);
  const worst = turns.sort((a, b) => b.label - a.label)[0];
  const limit = limitOf(record.platform);
  if (!worst || worst.label <= limit) return limit < Infinity ? `No wait was longer than ${short(limit)}.` : '';
  if (worst.open) return `From turn ${worst.row.n} on, at ${within(worst.since)}, the caller waited ${short(worst.label)}, until the session’s end.`;
  const part = worst.parts.find(one => one[2] === 'f-app'), took = part ? part[1] - part[0] : null;
  return `Turn ${worst.row.n}, at ${within(worst.since)}: the caller waited ${short(worst.label)}${took === null ? '' : `, ${short(took)} of them the application`}.`;
}

function rawRecord(record) {
  const text = $('pre', { tabindex: 0, 'aria-label': 'The record as JSON' });
  const fold = $('details', { class: 'card' }, $('summary', { text: 'Record' }),
    $('button', { type: 'button', class: 'button', text: 'Copy', onclick: event => copy(event.target, JSON.stringify(record)) }), text);
  fold.addEventListener('toggle', () => { if (fold.open && !text.textContent) text.textContent = JSON.stringify(record, null, 1); });
  return fold;
}

const CALL_LEGEND = [['customer', 'customer', 'box'], ['agent', 'agent (pale: answers nobody)', 'box'], ['wait', 'caller waits (hatched: unknown or unended)', 'box'],
  ['app', 'application', 'box'], ['stt', 'STT', 'box'], ['tts', 'TTS', 'box']];
const TURN_LEGEND = [['soft', 'until the prompt', 'box'], ['app', 'application', 'box'], ['tts', 'first token to audio', 'box'], ['wait2', 'parts unknown', 'box'], ['missing', 'in doubt', 'box']];

async function showCall(main, sid) {
  const here = location.hash, found = await callOf(sid);
  if (location.hash !== here) return;
  shownCharts.length = 0;
  if (found === null) {
    const why = LIVE.on ? `No session or call ${sid} is open, or has closed within the last hours. Older ones are in the session records: voice-insights session ${sid} --records PLACE` : `This page has no session ${sid}.`;
    main.replaceChildren($('h1', { text: 'No such call' }), $('p', { class: 'sub', text: why }));
    return;
  }
  const { record, row } = found, began = row.began;
  const title = $('h1', {}, $('span', { class: 'sid', text: sid }));
  const about = `${day(began)}, ${clock(began, true)} UTC, ${within(row.lasted)} long.`;
  const ask = $('button', { type: 'button', class: 'button', text: 'Copy command', onclick: event => copy(event.target, command(sid)) });
  if (record === null) {
    main.replaceChildren(title, $('p', { class: 'sub', text: `${about} This report has the call as a row only: write one with --calls all, or ask the command line.` }), ask,
      $('section', { class: 'card' }, strip(row.strip), $('div', { class: 'facts' }, ...happened(row.at))));
    return;
  }
  const place = $('div', { class: 'plot' });
  const open = record.close_reason === 'end_of_input' && LIVE.on ? ' It is open: this is how it stands now.' : '';
  const call = record.call_sid ? ` Call ${record.call_sid}, revision ${record.revision}.` : '';
  let lanes = null;
  const show = (from, to) => {
    if (!lanes) return;
    lanes.show(from, to);
    place.scrollIntoView({ block: 'nearest' });
  };
  main.replaceChildren(
    $('div', { class: 'head' }, title, $('span', { class: 'grow' }), ask), $('p', { class: 'sub', text: about + call + open }),
    $('p', { class: 'sub lead', text: sentence(record) }), facts(record, row), numbers(record, row), further(record) || '',
    card('The call', record.timeline ? 'drag to zoom, double-click for all of it, or choose a turn below' : '', record.timeline ? CALL_LEGEND : null, place),
    card('Turn by turn', 'from the customer’s end; parts add up to the wait, STT and TTS overlap them', TURN_LEGEND, turnTable(record, show)),
    rawRecord(record));
  if (!record.timeline) {
    place.replaceChildren($('p', { class: 'sub', text: 'This record has no timeline: an older release wrote it, or it was cut to fit a line. Its turns stand below.' }));
    return;
  }
  lanes = new Lanes(place, record);
  shownCharts.push([place, { height: 0, setSize: () => lanes.draw() }]);
}
