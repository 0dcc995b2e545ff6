'use strict';
/* What makes a difference: by configuration, and one span of time against another. */

const [LOW_MS, HIGH_MS] = [50, 30000];
const RULE = 130;
const along = ms => RULE * Math.log(Math.max(LOW_MS, Math.min(ms, HIGH_MS)) / LOW_MS) / Math.log(HIGH_MS / LOW_MS);

/** Median and p95 on one log scale, each with the interval in which it lies; targets dashed. */
function ruler(row, marks) {
  const svg = S('svg', { width: RULE, height: 18, role: 'img', 'aria-label': `median ${whole(figure(row, 'p50'))}, p95 ${whole(figure(row, 'p95'))} ms` },
    S('line', { x1: 0, x2: RULE, y1: 9, y2: 9, class: 'rule' }),
    ...marks.map(value => S('line', { x1: along(value), x2: along(value), y1: 1, y2: 17, class: 'target' })));
  const [p50, p95] = [row.p50[0], row.p95[0]];
  svg.append(S('line', { x1: along(p50), x2: along(p95), y1: 9, y2: 9, class: 's-p95 mid' }));
  for (const [name, [value, low, high]] of [['p50', row.p50], ['p95', row.p95]]) {
    if (low !== null && high !== null) {
      svg.append(S('rect', { x: along(low), y: 5, width: Math.max(1, along(high) - along(low)), height: 8, class: `f-${name}`, opacity: 0.35 }));
    }
    svg.append(S('circle', { cx: along(value), cy: 9, r: 3.2, class: `f-${name}` }));
  }
  return svg;
}

/** A percentile and its 95 % interval. */
function interval([value, low, high], hot = false) {
  const bounds = low === null && high === null ? 'too few to say' : `${low === null ? '?' : whole(low)}–${high === null ? '?' : whole(high)}`;
  return $('span', {}, $('span', { class: hot ? 'hot' : '', text: whole(value) }), $('small', { class: 'within', text: ` ${bounds}` }));
}

function breakdowns() {
  return DATA.fleet.by.filter(one => one.rows.length).map(one => {
    const marks = fleetTargets(one.metric);
    const rows = one.rows.map(row => $('tr', {},
      $('th', { scope: 'row', class: 'l cut', text: row.names.join(', '), title: row.names.join(', ') }),
      cell(whole(row.n)), cell(interval(row.p50)), cell(interval(row.p95, row.p95[0] > marks[1])),
      cell(whole(row.p99)), cell(ruler(row, marks), 'ruler')));
    return $('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': one.title },
      table(one.title, [[one.title, 'l strong w-name'], 'samples', 'p50, within', 'p95, within', 'p99', [marks.length ? marks.map(whole).join(' ┊ ') : 'median to p95', 'ruler']], rows));
  });
}

/** Whether two percentiles differ beyond what chance explains: their intervals don't meet. */
function differ(one, other) {
  const [, low, high] = one, [, otherLow, otherHigh] = other;
  if ([low, high, otherLow, otherHigh].includes(null)) return null;
  return low > otherHigh || high < otherLow;
}

function change(now, before) {
  const apart = differ(now, before), ms = now[0] - before[0];
  const text = `${ms > 0 ? '+' : ms < 0 ? '−' : ''}${whole(Math.abs(ms))}`;
  if (apart === null) return [text, chip('too few to say')];
  return [text, apart ? chip(ms > 0 ? 'worse' : 'better', ms > 0 ? 'bad' : 'good') : chip('within chance')];
}

/** Another span beside this one: before and after a deploy. */
function comparison() {
  const { totals } = DATA.fleet, other = DATA.against, rows = [];
  const names = { CallerWait: 'Callers wait', ResponseLatency: 'Response', SttLatency: 'Speech to text', ApplicationLatency: 'Application', TtsLatency: 'Text to speech' };
  for (const [name, text] of Object.entries(names)) {
    const now = totals.latency[name], before = other.totals.latency[name];
    if (!now.n || !before.n) continue;
    for (const which of ['p50', 'p95']) {
      const [by, said] = change(now[which], before[which]);
      rows.push($('tr', {}, $('th', { scope: 'row', class: 'l', text: `${text}, ${which === 'p50' ? 'median' : 'p95'}` }),
        cell(interval(before[which])), cell(interval(now[which])), cell(by), cell(said, 'l')));
    }
  }
  const shares = [
    ['Gave up, of 1,000 waits', one => 1000 * one.counts.AbandonedWaits / Math.max(1, one.counts.AbandonedWaits + one.latency.CallerWait.n)],
    ['Errors, of 1,000 turns', one => 1000 * one.counts.Errors / Math.max(1, one.counts.Turns)]];
  for (const [text, of] of shares) {
    rows.push($('tr', {}, $('th', { scope: 'row', class: 'l', text }), cell(of(other.totals).toFixed(1)), cell(of(totals).toFixed(1)), cell((of(totals) - of(other.totals)).toFixed(1)), cell('')));
  }
  return $('div', { class: 'row' }, card('Against another span', `${plural(other.totals.sessions, 'session')}, ${spanText(other.start, other.end)}`, null,
    $('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Against another span' },
      table('Against another span', [['ms, with 95 % intervals', 'l'], 'there', 'here', 'difference', ['verdict', 'l']], rows))));
}
