'use strict';
/* The fleet: are callers hearing silence, since when, which part is it, and which calls are worst? */

const WORST = 16;

function verdictText(fleet) {
  const found = fleet.verdict;
  if (!found) return 'Nothing out of the ordinary: nobody gave up waiting, and no time was twice as slow as usual.';
  const at = clock(start(fleet, found.bin)), parts = [];
  if (found.p95 !== null) parts.push(`95 % of waits were below ${whole(found.p95)} ms (usually ${whole(found.usual)})`);
  const around = fleet.width < 900000 ? ' within the quarter of an hour around it' : '';
  if (found.gave_up) parts.push(`${plural(found.quarter, 'caller')} gave up${around}`);
  return `Worst at ${at}: ${parts.join(', and ')}.`;
}

/** The part that has grown most, as a sentence; nothing if none has. */
function partText(fleet) {
  const part = fleet.verdict && fleet.verdict.part;
  return part ? `The part that grew most was ${PARTS[part.name]}: p95 ${whole(part.p95)} ms there, usually ${whole(part.usual)}.` : '';
}

const summed = counts => counts.reduce((sum, count) => sum + count, 0);

/** A latency's numbers: the percentile, or nothing without samples. */
const figure = (summary, name) => summary[name] === null ? null : Array.isArray(summary[name]) ? summary[name][0] : summary[name];

function tiles(fleet) {
  const { totals, latency, counts } = fleet, all = totals.counts;
  const wait = totals.latency.CallerWait, response = totals.latency.ResponseLatency;
  const codes = Object.entries(totals.codes).map(([code, count]) => `${code} × ${count}`).join(', ');
  const share = counts.Interruptions.map((count, i) => counts.Turns[i] ? 100 * count / counts.Turns[i] : null);
  return $('div', { class: 'tiles' },
    tile('Sessions', whole(totals.sessions), '',
      `${whole(totals.ends.hung_up || 0)} hung up, ${whole(totals.ends.failure || 0)} failed`, spark(counts.SessionsStarted, 'customer', true)),
    tile('Callers wait', whole(figure(wait, 'p50')), 'ms median',
      `p95 ${whole(figure(wait, 'p95'))}, p99 ${whole(figure(wait, 'p99'))}`, spark(latency.CallerWait.p95, 'wait')),
    tile('Response, beyond doubt', whole(figure(response, 'p50')), 'ms median',
      `p95 ${whole(figure(response, 'p95'))}, covers ${percent(response.n, all.Turns, 1)}`, spark(latency.ResponseLatency.p95, 'wait')),
    tile('Gave up waiting', whole(all.AbandonedWaits), '',
      `${percent(all.AbandonedWaits, all.AbandonedWaits + wait.n, 2)} of all waits`, spark(counts.AbandonedWaits, 'wait', true), all.AbandonedWaits > 0),
    tile('Interruptions', all.Turns ? (100 * all.Interruptions / all.Turns).toFixed(1) : '–', 'per 100 turns',
      `${plural(all.Interruptions, 'interruption')}, ${plural(all.Turns, 'turn')}`, spark(share, 'app')),
    tile('Errors', whole(all.Errors), '', codes || 'none', spark(counts.Errors, 'bad', true), all.Errors > 0));
}

/** One cell a bin: of how many turns the response is beyond doubt. */
function coverage(element, fleet) {
  const sure = fleet.latency.ResponseLatency.n, turns = fleet.counts.Turns;
  const width = element.clientWidth, left = 58, right = 70, each = (width - left - right) / fleet.count;
  const svg = S('svg', { width, height: 30, role: 'img', 'aria-label': `Coverage: ${percent(summed(sure), summed(turns), 1)} of turns are beyond doubt` },
    S('text', { x: left - 6, y: 18, class: 'ax', 'text-anchor': 'end', text: 'coverage' }),
    S('text', { x: width - right + 5, y: 18, class: 'ax', text: percent(summed(sure), summed(turns), 1) }));
  for (let i = 0; i < fleet.count; i++) {
    const share = turns[i] ? sure[i] / turns[i] : null;
    const text = share === null ? `${clock(start(fleet, i))}  no turns`
      : `${clock(start(fleet, i))}  ${sure[i]} of ${turns[i]} turns beyond doubt: ${percent(sure[i], turns[i])}`;
    svg.append(withNote(S('rect', {
      x: left + i * each, y: 8, width: Math.max(1, each - 1), height: 12, rx: 1.5,
      class: share === null ? 'empty' : 'f-ok', opacity: share === null ? 1 : Math.max(0.12, (share - 0.55) / 0.45) }), text));
  }
  element.replaceChildren(svg);
}

/** The fleet's sessions by their longest wait, those in doubt left out. */
function worstSessions() {
  const { longest, began, lasted } = DATA.sessions, from = DATA.fleet.start;
  return [...longest.keys()].filter(i => longest[i] !== null && began[i] + lasted[i] >= from).sort((a, b) => longest[b] - longest[a]);
}

function worstTable() {
  const sessions = DATA.sessions;
  const rows = worstSessions().slice(0, WORST).map(i => $('tr', {},
    cell(link(i), 'sid-cell'), cell(clock(sessions.began[i], true)),
    cell(`${whole(sessions.longest[i])} ms`, sessions.longest[i] > limitOf(sessions.platform[i]) ? 'hot strong' : ''),
    cell(whole(sessions.turns[i])), cell($('span', { class: 'chips' }, ...happened(i)), 'l')));
  return $('div', { class: 'scroll worst', tabindex: 0, role: 'group', 'aria-label': 'Worst sessions' },
    table('Worst sessions', [['Session', 'l'], 'Began', 'Longest wait', 'Turns', ['What happened', 'l']], rows));
}

/** Who sees the page for the first time reads where to begin. */
function firstSteps(fleet) {
  const worst = worstSessions()[0];
  if (!fleet.verdict || worst === undefined) return null;
  return $('p', { class: 'sub' }, partText(fleet), ' The longest wait was ',
    $('a', { href: `#call/${DATA.sessions.sid[worst]}`, text: `${whole(DATA.sessions.longest[worst])} ms` }), '.');
}

/** Whether the numbers are of platforms that mean different things by them, in words. */
function severalPlatforms(fleet) {
  if (fleet.platforms.length < 2) return null;
  return $('p', { class: 'sub platforms', text: `Calls of ${fleet.platforms.join(' and ')} together, which measure different things by one name: no targets are drawn. By configuration has each by itself.` });
}

function showFleet(main) {
  const fleet = DATA.fleet, end = start(fleet, fleet.count);
  shownCharts.length = 0;
  if (!fleet.totals.sessions && !fleet.totals.latency.CallerWait.n) {
    main.replaceChildren($('div', { class: 'head' }, $('h1', { text: 'No sessions' }), $('span', { class: 'grow' }), LIVE.on ? spans(fleet) : null),
      $('p', { class: 'sub', text: `No call began in this span${LIVE.on ? `, ${spanText(fleet.start, end)}` : ''}.` }));
    return;
  }
  const place = {};
  const room = name => place[name] = $('div', { class: 'plot' });
  const three = [['p50', 'p50'], ['p95', 'p95'], ['p99', 'p99']];
  main.replaceChildren(
    $('div', { class: 'head' }, $('h1', { text: DATA.title ? `${DATA.title}: ${spanText(fleet.start, end)}` : spanText(fleet.start, end) }),
      $('span', { class: 'grow' }), LIVE.on ? spans(fleet) : null),
    LIVE.on ? stillComing(fleet) : '',
    $('p', { class: 'sub lead', text: verdictText(fleet) }), firstSteps(fleet) || '', severalPlatforms(fleet) || '',
    fleet.totals.whole < fleet.totals.sessions
      ? $('p', { class: 'sub', text: `${plural(fleet.totals.sessions - fleet.totals.whole, 'record')} without a whole timeline: of these only turn rows count.` }) : '',
    tiles(fleet), DATA.against ? comparison() : '',
    $('div', { class: 'row r21' },
      card('What callers wait', 'each cell: how many waits of that length; click it for the calls',
        [['p50', 'median'], ['p95', 'p95'], ['heat', 'waits', 'box']], room('heat'), room('coverage')),
      card('Callers who gave up, and errors', '', [['wait', 'gave up', 'box'], ['soft', 'errors', 'box']], room('gave'))),
    $('div', { class: 'row r111' },
      card('Speech to text', '', three, room('SttLatency')),
      card('Application: first token', '', three, room('ApplicationLatency')),
      card('Text to speech', '', three, room('TtsLatency'))),
    $('div', { class: 'row r32' },
      card('Where it was worst', 'by the longest wait that is beyond doubt', null, worstTable()),
      card('By configuration', 'median and p95, each with its 95 % interval', null, ...breakdowns())),
    fleet.also && fleet.also.length ? alsoMeasured(fleet.also) : '');
  heatChart(place.heat, fleet, 322, (i, n) => { location.hash = `#sessions?bin=${i}&cell=${n}`; });
  coverage(place.coverage, fleet);
  stackedBars(place.gave, fleet, [['gave up', '--wait', fleet.counts.AbandonedWaits], ['errors', '--soft', fleet.counts.Errors]], 352);
  for (const name of Object.keys(PARTS)) latencyChart(place[name], fleet, name, 190);
}
