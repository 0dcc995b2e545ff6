"""What ``replay --as-live`` publishes of a recording, and when: the worker of any checkout.

Its source is run by that checkout's own interpreter (``python -c SOURCE ARGUMENTS``), so that two
states of the code are measured alike. It imports nothing but the worker, whose modules it finds
under their earlier names, too. ``ARGUMENTS`` is one JSON object: ``recording``, a path;
``settings``, of which those that a checkout doesn't know are left out; ``exact``, whether the
recording is replayed offline as well. It writes one JSON object to standard output.

Between the records it lets time go on by records of no interest, as the live worker's time does
when nothing arrives: so each release is seen at its own instant of stream time.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

TICK_MS = 10_000  # all instants of release are multiples of it
AFTERWARDS_MS = 2 * 3_600_000  # longer than any timer of an open session

MOVED = {
    "read_recording": ("worker.recordings.reader", "worker.stream.recording"),
    "rules_of": ("worker.settings.rules", "worker.wiring"),
    "Settings": ("worker.settings.model", "worker.config"),
    "Record": ("worker.stream.record",),
    "Replay": ("worker.replay",),
    "LiveReplay": ("worker.replay",),
    "CATALOGUE": ("worker.metrics.catalogue",),
}
"""Where each name is, the present module first."""


def found(name: str) -> Any:
    """What has that name in this checkout. Raises ImportError if nothing has."""
    for module in MOVED[name]:
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"{name} is in none of {', '.join(MOVED[name])}")


class Published:
    """Takes a replay's outputs. ``now``: stream time in epoch ms; None at the end of input."""

    def __init__(self) -> None:
        self.now: int | None = None
        self.window: defaultdict[tuple[str, Any, int], Counter[int]] = defaultdict(Counter)
        self.waits: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.unreleased = 0
        self.records: dict[Any, tuple[int, bytes]] = {}

    def take(self, outputs: Any) -> None:
        for (series, minute), distribution in outputs.window.items():
            self.window[series.metric, tuple(series.dimensions), minute].update(distribution)
            if not series.dimensions:
                self._waited(series.metric, minute, sum(distribution.values()))
        for record in outputs.records:
            continued = b'"continued":true' in record.line
            known = self.records.get((record.key, continued))
            if known is None or known[0] < record.revision:
                self.records[record.key, continued] = record.revision, record.line

    def _waited(self, metric: str, minute: int, samples: int) -> None:
        if self.now is None:
            self.unreleased += samples
        else:
            self.waits[kind_of(metric)][(self.now - minute - 60_000) // 1000] += samples


def kind_of(metric: str) -> str:
    """``direct``, ``turn`` or ``session``; ``context`` for the direct metrics that may wait until
    the session's beginning is known.
    """
    if metric in ("SessionsStarted", "SttLatency", "TtsLatency"):
        return "context"
    kind: str = found("CATALOGUE")[metric].hold.value
    return kind


def ticking(items: Iterable[Any], record: Any) -> Iterator[Any]:
    """The items, and records of another type at every tick until long after the last."""
    tick = last = None
    for item in items:
        if tick is None:
            tick = item.arrival // TICK_MS * TICK_MS
        while tick <= item.arrival:
            yield record("shardId-000000000000", "0", tick, b'{"type":"tick"}', "")
            tick += TICK_MS
        last = item.arrival
        yield item
    if tick is not None and last is not None:
        for instant in range(tick, last + AFTERWARDS_MS, TICK_MS):
            yield record("shardId-000000000000", "0", instant, b'{"type":"tick"}', "")


def replayed(recording: str, rules: Any) -> tuple[Published, Counter[str]]:
    """What the live worker would have published of a recording, and its counters."""
    published = Published()
    replay = found("LiveReplay")(rules, published.take)
    for item in ticking(found("read_recording")(recording), found("Record")):
        published.now = item.arrival
        replay.feed(item)
    published.now = None
    replay.finish()
    return published, replay.counters


def untrue(published: Published, recording: str, rules: Any) -> Counter[str]:
    """How many published samples an offline replay hasn't, by kind."""
    exact = Published()
    offline = found("Replay")(rules, exact.take)
    for item in found("read_recording")(recording):
        offline.feed(item)
    offline.finish()
    more: Counter[str] = Counter()
    for place, samples in published.window.items():
        more[kind_of(place[0])] += (samples - exact.window[place]).total()
    return more


def summed(lines: Iterable[bytes]) -> dict[str, float]:
    """Every number of the session records, by its dotted path, added up."""
    sums: dict[str, float] = {"sessions": 0}
    for line in lines:
        sums["sessions"] += 1
        add_numbers(sums, "", json.loads(line))
    return sums


def add_numbers(sums: dict[str, float], path: str, value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            add_numbers(sums, f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list):
        sums[path] = sums.get(path, 0) + len(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        sums[path] = sums.get(path, 0) + value


def settings_of(wanted: dict[str, Any]) -> Any:
    settings = found("Settings")
    return settings(**{k: v for k, v in wanted.items() if k in settings.model_fields})


def figures(recording: str, settings: dict[str, Any], exact: bool) -> dict[str, Any]:
    """All that is measured of one recording."""
    rules = found("rules_of")(settings_of(settings))
    published, counters = replayed(recording, rules)
    totals: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    waits: Counter[int] = Counter()
    samples = 0
    for (metric, dimensions, _), counts in published.window.items():
        samples += counts.total()
        if not dimensions:
            totals[metric][0] += counts.total()
            totals[metric][1] += sum(value * count for value, count in counts.items())
            if metric == "CallerWait":
                waits.update(counts)
    return {
        "samples": samples,
        "retracted": counters["samples_retracted"],
        "revised": counters["sessions_revised"],
        "published": totals,
        "records": summed(line for _, line in published.records.values()),
        "caller_waits": sorted(waits.items()),
        "released": {kind: sorted(seconds.items()) for kind, seconds in published.waits.items()},
        "unreleased": published.unreleased,
        "untrue": untrue(published, recording, rules) if exact else {},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(figures(**json.loads(sys.argv[1]))))
