'use strict';
/* The pipeline: can the numbers be believed? */

const RUNBOOK = 'runbook: ';
const OUTCOME_COLOURS = ['agent', 'stt', 'soft', 'bad', 'wait', 'missing', 'app'];

/** A duration in the unit that suits it. */
function spell(ms) {
  if (ms === null || ms === undefined) return '–';
  if (Math.abs(ms) < 120000) return short(Math.round(ms));
  return Math.abs(ms) < 7200000 ? `${whole(ms / 60000)} min` : `${whole(ms / 3600000)} h`;
}
const bytes = size => size < 1e6 ? `${whole(size / 1000)} kB` : `${(size / 1e6).toFixed(1)} MB`;
const valueText = (value, unit) => value === null || value === undefined ? '–'
  : unit === 'ms' ? spell(value) : unit === 'bytes' ? bytes(value) : unit === 'percent' ? `${whole(value)} %` : whole(value);

const scrolling = (name, content) => $('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': name }, content);

/** Numbers, each with what it is and where the runbook speaks of it. */
function factTable(title, facts) {
  return $('div', { class: 'scroll facts-of', tabindex: 0, role: 'group', 'aria-label': title }, table(title,
    [['number', 'l'], 'value', ['what it is', 'l']],
    facts.map(([label, value, unit, fine, about, runbook]) => $('tr', {},
      $('th', { scope: 'row', class: 'l', text: label }), cell(valueText(value, unit), fine ? '' : 'hot strong'),
      cell($('span', { class: 'soft wrap' }, about, runbook ? $('span', { class: fine ? '' : 'hot', text: `; ${RUNBOOK}${runbook}` }) : null), 'l')))));
}

/** Every occurrence has one outcome: the bar is full, or the rest of it is red. */
function outcomes({ read, parts, unaccounted }) {
  const width = 1000, all = Math.max(1, read, parts.reduce((sum, one) => sum + one[1], 0));
  const drawn = [...parts.map(([label, count], i) => [label, count, `f-${OUTCOME_COLOURS[i]}`])];
  if (unaccounted) drawn.push(['unaccounted', unaccounted, 'f-bad']);
  let from = 0;
  const svg = S('svg', { viewBox: `0 0 ${width} 26`, preserveAspectRatio: 'none', class: 'outcomes', role: 'img',
    'aria-label': `${whole(read)} read: ${drawn.map(([label, count]) => `${label} ${whole(count)}`).join(', ')}` });
  for (const [label, count, kind] of drawn) {
    if (!count) continue;
    const wide = Math.max(2, width * count / all);
    svg.append(withNote(S('rect', { x: from, y: 0, width: wide, height: 26, class: kind }), `${label}: ${whole(count)}, ${percent(count, all, 2)}`));
    from += width * count / all;
  }
  const colours = [...parts.map(([label, count], i) => [OUTCOME_COLOURS[i], `${label} ${whole(count)}`, 'box'])];
  if (unaccounted) colours.push(['bad', `unaccounted ${whole(unaccounted)}`, 'box']);
  return card('Every occurrence has one outcome', `${whole(read)} read since the state began; ${RUNBOOK}Unaccounted`, null, svg, legend(colours));
}

function pipelineTiles({ values: v, trend, shards, sessions, occurrences }) {
  const paused = shards.filter(one => one.paused).length, dead = v.DeadLetters || 0;
  return $('div', { class: 'tiles' },
    tile('Lag behind the tip', spell(v.MillisBehindLatest), '', `${plural(shards.length, 'shard')}, ${paused} paused`, spark(trend.lag, 'customer'), v.MillisBehindLatest > 60000),
    tile('Stream time', spell(v.StreamTimeLag), 'ago', 'what holds and closes go by', spark(trend.stream_time, 'customer'), v.StreamTimeLag > 300000),
    tile('Outbox', whole(v.OutboxEntries), 'requests', `${bytes(v.OutboxSize || 0)}, oldest ${spell(v.OutboxAge)}`, spark(trend.outbox, 'app'), v.OutboxAge > 300000),
    tile('Sessions open', whole(sessions.open), '', `${whole(sessions.held)}${sessions.most ? ` of ${whole(sessions.most)}` : ''} in memory`,
      spark(trend.sessions, 'agent'), sessions.most && sessions.held > 0.9 * sessions.most),
    tile('Commit', spell(v.CommitTime), 'longest', `last ${spell(v.CommitAge)} ago, state ${bytes(v.StateSize || 0)}`, spark(trend.commit, 'tts'), v.CommitAge > 60000),
    tile('Dead letters', whole(dead), '', `${percent(dead, occurrences.read, 2)} of what was read`, spark(trend.dead_letters, 'bad', true), dead > 0));
}

function shardTable(shards) {
  const most = Math.max(1000, ...shards.map(one => one.behind || 0));
  const rows = shards.map(one => {
    const wide = 120 * Math.min(1, (one.behind || 0) / most);
    const bar = S('svg', { width: 120, height: 14, 'aria-hidden': 'true' }, S('line', { x1: 0, x2: 120, y1: 7, y2: 7, class: 'rule' }),
      S('rect', { x: 0, y: 4, width: Math.max(2, wide), height: 6, class: one.behind > 60000 ? 'f-wait' : 'f-customer' }));
    const said = [one.paused ? chip('paused') : null, one.holds_back ? chip(`holds time back: ${spell(one.holds_back)}`, 'warn') : null];
    return $('tr', {}, $('th', { scope: 'row', class: 'l sid', text: one.name }), cell(one.behind === null ? 'not read yet' : spell(one.behind)),
      cell(one.clock === null ? '–' : clock(one.clock, true)), cell(bar, 'l'), cell($('span', { class: 'chips' }, ...said), 'l'));
  });
  return card('Shards', `behind their tip; ${RUNBOOK}IteratorAge, StreamTime`, null,
    scrolling('Shards', table('Shards', [['Shard', 'l'], 'behind', 'read up to', ['lag', 'l'], ['state', 'l']], rows)));
}

/** The delay of events on one scale with the holds, which must be longer. */
function delays({ values: v, holds }) {
  const p99 = v.DeliveryDelayP99 ?? null, most = 1.1 * Math.max(holds.turn, holds.direct, p99 || 0, 1000);
  const x = ms => 460 * ms / most;
  const svg = S('svg', { viewBox: '0 0 520 46', class: 'delays', role: 'img',
    'aria-label': `delivery delay: median ${spell(v.DeliveryDelayP50)}, p95 ${spell(v.DeliveryDelayP95)}, p99 ${spell(p99)}; direct metrics wait ${spell(holds.direct)}, turn metrics ${spell(holds.turn)}` },
    S('line', { x1: 0, x2: 460, y1: 24, y2: 24, class: 'rule' }));
  for (const [name, ms] of [['direct hold', holds.direct], ['turn hold', holds.turn]]) {
    svg.append(S('line', { x1: x(ms), x2: x(ms), y1: 14, y2: 34, class: 'target' }),
      S('text', { x: x(ms) + 3, y: 44, class: 'ax', text: `${name} ${spell(ms)}` }));
  }
  for (const [name, kind] of [['P99', 'p99'], ['P95', 'p95'], ['P50', 'p50']]) {
    const ms = v[`DeliveryDelay${name}`];
    if (ms !== undefined) svg.append(withNote(S('circle', { cx: Math.max(4, x(ms)), cy: 24, r: 4.5, class: `f-${kind}` }), `${kind} ${spell(ms)}`));
  }
  return svg;
}

function laneTable(lanes) {
  const names = ['applied', 'not applied', 'ambiguous', 'invalid', 'too old', 'dropped'];
  return card('Lanes', `attempts to deliver since the start, by outcome; ${RUNBOOK}Outbox`, null, scrolling('Lanes',
    table('Lanes', [['Lane', 'l'], ...names], lanes.map(one => $('tr', {}, $('th', { scope: 'row', class: 'l', text: one.kind }),
      ...names.map((name, i) => cell(whole(one[name]), i > 1 && one[name] ? 'hot strong' : '')))))));
}

function letterTable({ reasons, letters }) {
  const counted = Object.entries(reasons).map(([reason, count]) => $('tr', {}, $('th', { scope: 'row', class: 'l wrap', text: reason }), cell(whole(count))));
  const last = letters.map(one => $('tr', {}, cell(one.time, 'l'), cell($('span', { class: 'sid', text: one.place }), 'l'), cell($('span', { class: 'wrap', text: one.reason }), 'l')));
  return card('Dead letters', `since the worker’s start, and the last ${letters.length}; never their bytes; ${RUNBOOK}DeadLetters`, null,
    counted.length ? $('div', { class: 'letters' },
      scrolling('Dead letters by reason', table('Dead letters by reason', [['Reason', 'l'], 'count'], counted)),
      scrolling('The last dead letters', table('The last dead letters', [['Arrived', 'l'], ['Place', 'l'], ['Reason', 'l']], last)))
      : $('p', { class: 'sub', text: 'None.' }));
}

function pipelineHead(data, text) {
  return [$('h1', { text: 'Pipeline' }), $('p', { class: 'sub facts' }, $('span', { text: 'Can the numbers be believed?' }),
    ...data.chips.map(([said, fine]) => chip(said, fine ? 'good' : 'bad')), $('span', { text })), outcomes(data.occurrences)];
}

const groupCard = group => card(group.title, group.hint, null, factTable(group.title, group.facts));

function showPipeline(main) {
  const data = DATA.pipeline;
  shownCharts.length = 0;
  if (!data) {
    main.replaceChildren($('h1', { text: 'Pipeline' }), $('p', { class: 'sub', text: LIVE.on ? 'One moment…'
      : 'This report was made of session records, which say nothing of the pipeline. A report of a recording has the replay’s counters; the page of a running worker has all of it.' }));
    return;
  }
  if (data.replay) {
    const [title, chips, bar] = pipelineHead(data, 'These are a replay’s counters only: it has no shards that lag, no outbox and nothing that waits.');
    main.replaceChildren(title, chips, $('div', { class: 'row' }, bar), $('div', { class: 'row' }, ...data.groups.map(groupCard)));
    return;
  }
  const [title, chips, bar] = pipelineHead(data, ''), [delivery, outbox, requests, late, own] = data.groups;
  const deliveryCard = groupCard(delivery);
  deliveryCard.append(delays(data));
  main.replaceChildren(title, chips, pipelineTiles(data),
    $('div', { class: 'row r11' }, bar, shardTable(data.shards)),
    $('div', { class: 'row r11' }, $('div', { class: 'stack' }, deliveryCard, groupCard(requests), laneTable(data.lanes)),
      $('div', { class: 'stack' }, groupCard(outbox), groupCard(late), groupCard(own))),
    $('div', { class: 'row' }, letterTable(data)));
}
