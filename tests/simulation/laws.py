"""What must hold after a run, whatever happened in it.

The yardstick is the offline replay of the very records that the stream took. What it leaves
out, because it depends on when things were delivered and not on what was, is ``revision`` and
``close_reason``: a session that a live worker closes by its timers may get events afterwards, each
a revision; offline every session closes once, at the end of input.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final

from tests.simulation import otlp
from tests.simulation.ledger import Samples, key_of
from tests.simulation.totals import wrong_totals
from tests.simulation.world import World
from worker.events.decode import DEFECT
from worker.events.event import SessionKey
from worker.metrics.catalogue import CATALOGUE, Hold
from worker.metrics.distribution import unscaled
from worker.metrics.series import Series
from worker.outbox.entries import EntryKind
from worker.outbox.ledger import tally_of
from worker.partition.accounting import ACCOUNTED
from worker.partition.commit_outputs import EvictedSession, Outputs, RecordLine
from worker.partition.dead_letters import DeadLetter, OccurrenceLetter, SamplesLetter, decode_letter
from worker.partition.delta import Delta
from worker.partition.emission import emit_session_samples
from worker.partition.metric_windows import MetricWindows
from worker.partition.rules import Rules
from worker.partition.series_registry import SeriesBook
from worker.replay import Replay
from worker.sessions.resident_session import ResidentSession
from worker.state.store import Store
from worker.stream.record import Record

_COUNTED: Final = (*ACCOUNTED, "conflicts", "sessions_opened", "sessions_closed")
_SHOWN: Final = 5


class Undisturbed:
    """The offline replay of some records."""

    def __init__(self, rules: Rules, records: Iterable[Record]) -> None:
        self.records: dict[SessionKey, RecordLine] = {}
        self.letters: list[OccurrenceLetter] = []
        self.samples: Samples = {}
        replay = Replay(rules, self._take)
        for record in records:
            replay.feed(record)
        replay.finish()
        self.counters = replay.counters

    def _take(self, outputs: Outputs) -> None:
        self.records.update((one.key, one) for one in outputs.records)
        self.letters += outputs.dead_letters
        for (series, minute), distribution in outputs.window.items():
            counts = self.samples.setdefault((*series, minute), Counter())
            for value, count in distribution.items():
                counts[_published(series.metric, value)] += count


def broken(world: World, store: Store, restored: Delta) -> list[str]:
    """The laws that a run that came to rest has broken, a line each."""
    calm = Undisturbed(world.plan.rules, world.put)
    evicted = store.load_sessions(list(calm.records))
    expected = _expected(world.plan.rules, calm, evicted.values())
    return [
        *broken_promises(world, calm, evicted, restored),
        *islice(otlp.wrongly_rejected(world.otlp), _SHOWN),
        *islice(otlp.wrong_totals(world.otlp, expected), _SHOWN),
        *islice(otlp.wrong_traces(world.otlp, [one.line for one in calm.records.values()]), _SHOWN),
    ]


def broken_promises(
    world: World,
    calm: Undisturbed,
    evicted: Mapping[SessionKey, EvictedSession],
    restored: Delta,
) -> list[str]:
    """Those laws that hold of all states together, of which ``restored`` is the sum and ``evicted``
    the sessions, and of what CloudWatch and the lines have.
    """
    expected = _expected(world.plan.rules, calm, evicted.values())
    letters = [decode_letter(line) for line in _lines(world, "dead_letters")]
    return [
        *world.broken,
        *_counters(calm, restored),
        *_records(calm, _lines(world, "records")),
        *_letters(calm, letters),
        *_sessions(calm, restored, evicted),
        *_patience(world, restored),
        *islice(_noted(world), _SHOWN),
        *_samples(expected, _buried(letters), world),
        *islice(wrong_totals(expected, restored.totals), _SHOWN),
    ]


def _counters(calm: Undisturbed, restored: Delta) -> Iterator[str]:
    now = Counter(restored.counters)
    if now["occurrences"] != sum(
        now[name] for name in ("test_events", "ignored", "dead_letters", "events")
    ) or now["events"] != sum(now[name] for name in ("folded", "duplicates", "cut", "erased")):
        yield f"law 8: occurrences unaccounted for: {dict(now)}"
    for name in _COUNTED:
        if now[name] != calm.counters[name]:
            yield f"law 8: {name} is {now[name]}, undisturbed {calm.counters[name]}"
    if now["sessions_quarantined"] or any(DEFECT in one.reason for one in calm.letters):
        yield "the worker failed at a session or a record"
    if now["input_gaps"]:
        yield "law 5: a gap in the input, though nothing was trimmed"


def _key(record: dict[str, Any]) -> SessionKey:
    platform, account, *ids = (record[name] for name in SessionKey.__struct_fields__)
    whole = f"{account}/{record['agent']}" if "agent" in record else account
    return SessionKey(platform, whole, *ids)


def _records(calm: Undisturbed, lines: list[bytes]) -> Iterator[str]:
    seen: dict[tuple[SessionKey, int], bytes] = {}
    last: dict[SessionKey, dict[str, Any]] = {}
    for line in lines:
        record = json.loads(line)
        key = _key(record)
        if seen.setdefault((key, record["revision"]), line) != line:
            yield f"{key.session_id}: two records of revision {record['revision']} differ"
        if key not in last or last[key]["revision"] <= record["revision"]:
            last[key] = record
    for key in calm.records.keys() | last.keys():
        if key not in last:
            yield f"{key.session_id}: no record"
        elif key not in calm.records:
            yield f"{key.session_id}: a record of a session that isn't"
        else:
            ours, theirs = comparable(last[key]), comparable(json.loads(calm.records[key].line))
            for name in sorted(theirs):
                if ours[name] != theirs[name]:
                    yield (f"{key.session_id}: {name} is {ours[name]}, undisturbed {theirs[name]}")


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """A session record without what depends on when its events were delivered."""
    return {k: v for k, v in record.items() if k not in ("revision", "close_reason")}


def _letters(calm: Undisturbed, letters: list[DeadLetter]) -> Iterator[str]:
    theirs = {
        (one.shard, one.sequence_number, one.sub_sequence, one.reason) for one in calm.letters
    }
    ours = {
        (one.shard, one.sequence_number, one.sub_sequence, one.reason)
        for one in letters
        if isinstance(one, OccurrenceLetter)
    }
    if ours != theirs:
        yield f"law 8: dead letters lost {theirs - ours}, made up {ours - theirs}"


def _buried(letters: list[DeadLetter]) -> Samples:
    """The samples in dead letters of datums that CloudWatch would not have."""
    buried: Samples = {}
    of_samples = (one for one in letters if isinstance(one, SamplesLetter))
    for datum in chain.from_iterable(letter.datums for letter in of_samples):
        if "MetricName" in datum:  # else a data point of OTLP, which its receiver reports
            counts = buried.setdefault(key_of(datum), Counter())
            for value, count in zip(datum["Values"], datum["Counts"], strict=True):
                counts[float(value)] += count
    return buried


def _sessions(
    calm: Undisturbed, restored: Delta, evicted: Mapping[SessionKey, EvictedSession]
) -> Iterator[str]:
    if restored.sessions:
        yield f"law 3: {len(restored.sessions)} sessions restored that had told everything"
    for key in calm.records.keys() - evicted.keys():
        yield f"law 9: {key.session_id} isn't kept"


def _patience(world: World, restored: Delta) -> Iterator[str]:
    if world.plan.patient:
        for name in ("samples_retracted", "sessions_revised", "late_events"):
            if restored.counters.get(name):
                yield f"nothing came too late, and {name} is {restored.counters[name]}"


def _expected(rules: Rules, calm: Undisturbed, evicted: Iterable[EvictedSession]) -> Samples:
    """What CloudWatch must hold, but for ambiguous attempts: what the events say; what was told
    and is no longer true; and of each session what it was at its first close.
    """
    expected = {
        key: Counter(counts)
        for key, counts in calm.samples.items()
        if CATALOGUE[key[0]].hold is not Hold.SESSION
    }
    book = SeriesBook(rules.series)
    for one in evicted:
        told = MetricWindows(book)
        emit_session_samples(ResidentSession(one.state, one.log), told)
        for (series, minute, value), count in one.state.over_emitted:
            told.add((series, minute), {value: count})
        for (series, minute), distribution in told.drain().items():
            counts = expected.setdefault((*series, minute), Counter())
            for value, count in distribution.items():
                counts[_published(series.metric, value)] += count
    return expected


def _samples(expected: Samples, buried: Samples, world: World) -> list[str]:
    """Each series' minute: less than expected only by what was dropped, and more by no more
    than its bound, which is none where what nobody knows is dropped.

    What CloudWatch won't have is among the dead letters, perhaps more than once.
    """
    kept = {key: Counter(values) for key, values in world.cloudwatch.kept.items()}
    bound, dropped_ = world.ledger.bound, world.ledger.dropped
    wrong = []
    if world.plan.on_ambiguous == "drop" and bound:
        wrong.append("law 6: what nobody knows about was sent again, and is to be dropped")
    for key in sorted(expected.keys() | kept.keys() | buried.keys()):
        poisoned = key[0] in world.plan.poison
        theirs, ours, allowed, dropped = (
            _comparable(one.get(key, Counter()), whole=world.plan.store == "s3")
            for one in (
                expected,
                buried if poisoned else kept,
                bound,
                dropped_,
            )
        )
        for value in sorted(ours.keys() | theirs.keys()):
            least, most = theirs[value] - dropped[value], theirs[value] + allowed[value]
            if not least <= ours[value] <= (ours[value] if poisoned and theirs[value] else most):
                wrong.append(
                    f"law 6: {key}: {ours[value]} samples of {value}, expected {least} to {most}"
                )
        if key in (kept if poisoned else buried):
            wrong.append(f"law 6: {key}: valid and buried, or invalid and kept")
    return wrong[:_SHOWN]


def _noted(world: World) -> Iterator[str]:
    """The ledger's notes say what CloudWatch has, minute by minute."""
    tally = tally_of(world.ledger.notes)
    kept = {
        (Series(metric, dimensions), minute): sum(values.values())
        for (metric, dimensions, minute), values in world.cloudwatch.kept.items()
    }
    for minute in sorted(tally.keys() | kept.keys()):
        least, most = tally.get(minute, (0, 0))
        count = kept.get(minute, 0)
        if not least <= count <= most:
            yield f"law 6: {minute}: {count} samples, the ledger says {least} to {most}"


def _comparable(counts: Counter[float], *, whole: bool) -> Counter[float]:
    return Counter({0.0: counts.total()}) if whole else counts


def _published(metric: str, value: int) -> float:
    return float(unscaled(value, CATALOGUE[metric].scale))


def _lines(world: World, kind: EntryKind) -> list[bytes]:
    return [line for block in world.written[kind] for line in block.splitlines()]
