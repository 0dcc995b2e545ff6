'use strict';
/* Charts over time: uPlot with what it has none of, a heat map and targets in the margin. */

const shownCharts = [];
addEventListener('resize', () => {
  for (const [element, chart] of shownCharts) {
    if (element.isConnected) chart.setSize({ width: element.clientWidth, height: chart.height });
  }
});

function plot(element, options, data) {
  const chart = new uPlot({ width: element.clientWidth || 600, legend: { show: false }, ...options }, data, element);
  shownCharts.push([element, chart]);
  return chart;
}

const MARKS = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];
const together = { sync: { key: 'fleet' }, points: { size: 6 }, drag: { x: true, y: false } };
const middles = fleet => Array.from({ length: fleet.count }, (_, i) => (fleet.start + (i + 0.5) * fleet.width) / 1000);
const start = (fleet, i) => fleet.start + i * fleet.width;

const axis = options => ({
  stroke: css('--faint'), grid: { stroke: css('--grid'), width: 1 }, ticks: { show: false },
  font: `11px ${css('--sans')}`, ...options });

function times(fleet) {
  const days = fleet.count * fleet.width > 36 * 3600000;
  const text = at => days ? `${two(new Date(at).getUTCDate())}. ${clock(at)}` : clock(at);
  return axis({
    grid: { show: false }, size: 26, gap: 4, space: days ? 90 : 70,
    splits: (chart, _axis, low, high) => timeMarks(low, high, Math.max(2, Math.floor(chart.bbox.width / devicePixelRatio / 62))),
    values: (_chart, all) => all.map(value => text(value * 1000)) });
}

/** Full minutes or hours, at most so many, between two times in s. */
function timeMarks(low, high, most) {
  const steps = [60, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 604800];
  const step = steps.find(one => (high - low) / one <= most) || 2592000;
  const marks = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) marks.push(at);
  return marks;
}

/** Where a chart begins and ends; uPlot changes it where somebody zooms. */
const span = fleet => ({
  time: false,
  range: (_chart, low, high) => low === null || high === null || low === high ? [fleet.start / 1000, start(fleet, fleet.count) / 1000]
    : low <= middles(fleet)[0] && high >= middles(fleet)[fleet.count - 1] ? [fleet.start / 1000, start(fleet, fleet.count) / 1000] : [low, high] });

/** A pale ground under the minutes that may still change, and under those before the worker began. */
function unsettled(fleet) {
  if (fleet.settled === undefined) return [];
  return [chart => {
    const pen = chart.ctx, box = chart.bbox, end = start(fleet, fleet.count);
    const x = at => Math.max(box.left, Math.min(chart.valToPos(at / 1000, 'x', true), box.left + box.width));
    const spans = [[Math.max(fleet.settled, fleet.start), end], [fleet.start, Math.min(fleet.since ?? fleet.start, end)]];
    pen.save();
    pen.fillStyle = css('--chip');
    for (const [from, to] of spans) if (from < to) pen.fillRect(x(from), box.top, x(to) - x(from), box.height);
    pen.restore();
  }];
}

/** What part of the time the charts are zoomed to; null for all of it. */
function zoomed() {
  const chart = shownCharts.map(one => one[1]).find(one => one.scales);
  if (!chart || !DATA.fleet) return null;
  const { min, max } = chart.scales.x;
  return min > DATA.fleet.start / 1000 || max < start(DATA.fleet, DATA.fleet.count) / 1000 - 3 * DATA.fleet.width / 1000 ? { min, max } : null;
}

function zoomTo(span) {
  for (const [, chart] of shownCharts) if (chart.scales) chart.setScale('x', span);
}

/** Draws the target and the limit as dashed lines, named in the right margin. */
function targets(values) {
  return chart => {
    const pen = chart.ctx, ratio = devicePixelRatio, box = chart.bbox;
    const places = values.map(value => chart.valToPos(value, 'y', true));
    const apart = places[0] - places[1], shift = apart < 12 * ratio ? (12 * ratio - apart) / 2 : 0;
    pen.save();
    pen.font = `${10.5 * ratio}px ${css('--sans')}`;
    pen.textAlign = 'left';
    places.forEach((place, i) => {
      if (place < box.top || place > box.top + box.height) return;
      pen.strokeStyle = pen.fillStyle = css('--soft');
      pen.lineWidth = ratio;
      pen.setLineDash([4 * ratio, 3 * ratio]);
      pen.beginPath();
      pen.moveTo(box.left, place);
      pen.lineTo(box.left + box.width, place);
      pen.stroke();
      pen.setLineDash([]);
      const text = `${i ? 'limit' : 'target'} ${whole(values[i])}`;
      pen.fillText(text, box.left + box.width + 5 * ratio, place + 3.5 * ratio + (i ? -shift : shift));
    });
    pen.restore();
  };
}

/** Shows a note about the bin under the pointer. */
const noting = text => chart => {
  chart.over.addEventListener('mousemove', event => {
    if (chart.cursor.idx !== null) showNote(event, text(chart.cursor.idx));
  });
  chart.over.addEventListener('mouseleave', hideNote);
};

const percentiles = (latency, i) =>
  `p50 ${whole(latency.p50[i])}   p95 ${whole(latency.p95[i])}   p99 ${whole(latency.p99[i])} ms`;

/** A line that is dotted where a bin has fewer than 5 samples: solid parts, and the whole below. */
function lines(latency, name, colour, width) {
  const sure = latency[name].map((value, i) => latency.n[i] >= 5 ? value : null);
  const line = dash => ({ stroke: css(colour), width, dash, points: { show: false }, spanGaps: Boolean(dash) });
  return [[line([1, 4]), latency[name]], [line(undefined), sure]];
}

function latencyChart(element, fleet, name, height) {
  const latency = fleet.latency[name], marks = fleetTargets(name);
  const drawn = [...lines(latency, 'p99', '--p99', 1), ...lines(latency, 'p95', '--p95', 1.7), ...lines(latency, 'p50', '--p50', 1.7)];
  const all = [...latency.p50, ...latency.p99].filter(value => value > 0);
  const seen = all.length || marks.length ? [...all, ...marks] : [100, 1000];
  const low = Math.min(...seen) * 0.8, high = Math.max(...seen) * 1.3;
  return plot(element, {
    height, padding: [6, 62, 0, 0], cursor: together,
    scales: { x: span(fleet), y: { distr: 3, log: 10, range: () => [low, high] } },
    axes: [times(fleet), axis({
      size: 50, splits: () => MARKS.filter(value => value > low && value < high),
      filter: (_chart, all) => all, values: (_chart, all) => all.map(short) })],
    series: [{}, ...drawn.map(one => one[0])],
    hooks: {
      drawClear: unsettled(fleet),
      draw: [targets(marks)],
      ready: [noting(i => `${clock(start(fleet, i))}  ${plural(latency.n[i], 'sample')}\n${percentiles(latency, i)}`)],
    },
  }, [middles(fleet), ...drawn.map(one => one[1])]);
}

/** Waits by time and length, with median and p95; `chosen`: what a click on a cell does. */
function heatChart(element, fleet, height, chosen) {
  const { edges, cells } = fleet.heat, latency = fleet.latency.CallerWait;
  const most = Math.max(1, ...cells.flat().map(one => one[1]));
  const drawn = [...lines(latency, 'p95', '--p95', 2), ...lines(latency, 'p50', '--p50', 2)];
  const paint = chart => {
    const pen = chart.ctx, heat = css('--heat'), box = chart.bbox;
    const x = i => Math.round(chart.valToPos(start(fleet, i) / 1000, 'x', true));
    const y = n => Math.round(chart.valToPos(edges[n], 'y', true));
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top, box.width, box.height);
    pen.clip();
    cells.forEach((column, i) => column.forEach(([n, count]) => {
      pen.fillStyle = `rgba(${heat},${0.07 + 0.75 * Math.pow(count / most, 0.6)})`;
      pen.fillRect(x(i), y(n + 1), Math.max(1, x(i + 1) - x(i) - 1), Math.max(1, y(n) - y(n + 1) - 1));
    }));
    pen.restore();
  };
  const text = i => `${clock(start(fleet, i))}  ${plural(latency.n[i], 'wait')}\n${percentiles(latency, i)}\n`
    + `${plural(fleet.counts.AbandonedWaits[i], 'caller')} gave up waiting`;
  const chart = plot(element, {
    height, padding: [6, 70, 0, 0], cursor: { ...together, points: { show: false } },
    scales: { x: span(fleet), y: { distr: 3, log: 10, range: () => [edges[0], edges[edges.length - 1]] } },
    axes: [times(fleet), axis({
      size: 58, splits: () => MARKS.slice(3, 11), filter: (_chart, all) => all,
      values: (_chart, all) => all.map(short) })],
    series: [{}, ...drawn.map(one => one[0])],
    hooks: { drawClear: unsettled(fleet), drawAxes: [paint], draw: [targets(fleetTargets('CallerWait'))], ready: [noting(text)] },
  }, [middles(fleet), ...drawn.map(one => one[1])]);
  chart.over.addEventListener('click', () => {
    const i = chart.cursor.idx, at = chart.posToVal(chart.cursor.top, 'y');
    const n = edges.findLastIndex(edge => edge <= at);
    if (i !== null && cells[i].some(one => one[0] === n)) chosen(i, n);
  });
  return chart;
}

/** Counts of several kinds on top of one another. */
function stackedBars(element, fleet, kinds, height) {
  const sums = new Array(fleet.count).fill(0);
  const tops = kinds.map(([, , counts]) => counts.map((count, i) => sums[i] += count));
  const bars = uPlot.paths.bars({ size: [0.86, 60], align: 0 });
  const text = i => [clock(start(fleet, i)), ...kinds.map(([name, , counts]) => `${name}: ${counts[i]}`)].join('\n');
  plot(element, {
    height, padding: [6, 8, 0, 0], cursor: together,
    scales: { x: span(fleet), y: { range: (_chart, _low, high) => [0, Math.max(4, (high || 0) * 1.1)] } },
    axes: [times(fleet), axis({ size: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] })],
    series: [{}, ...kinds.map((_, i) => ({
      stroke: 'transparent', fill: css(kinds[kinds.length - 1 - i][1]), paths: bars, points: { show: false } }))],
    hooks: { drawClear: unsettled(fleet), ready: [noting(text)] },
  }, [middles(fleet), ...tops.reverse()]);
}
