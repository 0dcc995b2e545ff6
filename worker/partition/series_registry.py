"""The series registry: admits series within limits, and maps samples to them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from worker.events.decode import PLATFORMS
from worker.events.event import SessionKey
from worker.metrics.catalogue import (
    CATALOGUE,
    CONTEXT_DIMENSIONS,
    OWN_DIMENSION_VALUES,
    Hold,
)
from worker.metrics.dimension_values import OTHER, dimension_value
from worker.metrics.series import Series, SeriesRules
from worker.sessions.context import Context
from worker.sessions.samples import SampleKey, split

PLATFORM_DIMENSION: Final = "Platform"
"""The dimension that names the platform of a series; some platforms go without."""


Owner = str | tuple[str, str]
"""What the series of a session's samples depend on: its account, on a platform that goes without
the dimension; its platform and account, on any other.
"""


def owner_of(key: SessionKey) -> Owner:
    """Return the owner of a session's samples."""
    if key.platform in PLATFORMS.unmarked:
        return key.account_sid
    return key.platform, key.account_sid


class SeriesByKind(dict[SampleKey, tuple[Series, ...]]):
    """The series of samples in one context of one owner, one for each dimension set, with overflow
    already applied. A series is admitted when it is first asked for.
    """

    __slots__ = ("_admit",)

    def __init__(self, admit: Callable[[SampleKey], tuple[Series, ...]]) -> None:
        super().__init__()
        self._admit = admit

    def __missing__(self, kind: SampleKey) -> tuple[Series, ...]:
        series = self[kind] = self._admit(kind)
        return series


class SeriesBook:
    """The admitted series, and the mapping of samples to them."""

    def __init__(self, rules: SeriesRules, admitted: Iterable[Series] = ()) -> None:
        self._rules = rules
        self._admitted: set[Series] = set()
        self._per_set: dict[tuple[str, ...], int] = {}
        self._known: dict[tuple[Context, Owner], SeriesByKind] = {}
        self._remembered = 0
        """How many kinds ``_known`` has, in all contexts."""
        for series in admitted:
            self._note(series)
        self._admitted_now: list[Series] = []
        self._contextual: Final = {"SessionsStarted"} | {
            metric
            for metric, sets in rules.sets.items()
            if CATALOGUE[metric].hold is Hold.DIRECT
            and any(name in CONTEXT_DIMENSIONS for names in sets for name in names)
        }

    def is_contextual(self, kind: SampleKey) -> bool:
        """Whether a direct sample's series, or its minute, depends on the session's beginning."""
        return split(kind)[0] in self._contextual

    def of(self, context: Context, owner: Owner) -> SeriesByKind:
        """Return the series of an owner's samples in a context."""
        known = self._known.get((context, owner))
        if known is None:
            known = SeriesByKind(partial(self._admit_kind, context, owner))
            self._known[context, owner] = known
        return known

    def _admit_kind(self, context: Context, owner: Owner, kind: SampleKey) -> tuple[Series, ...]:
        self._remembered += 1
        if self._remembered > _MEMO:
            self._known.clear()
            self._remembered = 0
        labels = self._labels(owner)
        expanded = self._expand(kind, context, labels)
        return tuple(dict.fromkeys(self._admit(one, labels) for one in expanded))

    def drain_admitted(self) -> list[Series]:
        """Drain the series admitted since the last call, in the order of their admission."""
        admitted, self._admitted_now = self._admitted_now, []
        return admitted

    def _labels(self, owner: Owner) -> dict[str, str]:
        """Return the dimensions that all of an owner's series carry; an agent's labels take
        precedence over its account's.
        """
        if isinstance(owner, str):
            return dict(self._rules.labels.get(owner, {}))
        platform, whole = owner
        account = PLATFORMS.account_and_agent(platform, whole)[0]
        found = self._rules.labels
        return {
            **found.get(account, {}),
            **found.get(whole, {}),
            PLATFORM_DIMENSION: platform,
        }

    def _expand(self, kind: SampleKey, context: Context, labels: Mapping[str, str]) -> list[Series]:
        metric, own = split(kind)
        sets: list[dict[str, str]] = [{}]
        own_dimension = CATALOGUE[metric].own_dimension
        if own_dimension is not None and own is not None:
            closed = own_dimension in OWN_DIMENSION_VALUES
            sets.append({own_dimension: own if closed else dimension_value(own)})
        if wanted := self._rules.sets.get(metric):
            values = {**_context_dimensions(context), **labels}
            sets += ({name: values[name] for name in names if name in values} for names in wanted)
        return [Series(metric, tuple(sorted({**one, **labels}.items()))) for one in sets]

    def _admit(self, series: Series, labels: Mapping[str, str]) -> Series:
        if series in self._admitted:
            return series
        if len(series.dimensions) > len(labels) and not self._room(series):
            overflow = _overflow(series, labels)
            if series != overflow:
                return self._admit(overflow, labels)
        # a series with labels only, or that is its own overflow, is always admitted
        self._note(series)
        self._admitted_now.append(series)
        return series

    def _room(self, series: Series) -> bool:
        in_set = self._per_set.get(_set_of(series), 0)
        return in_set < self._rules.per_set and len(self._admitted) < self._rules.in_all

    def _note(self, series: Series) -> None:
        self._admitted.add(series)
        self._per_set[_set_of(series)] = self._per_set.get(_set_of(series), 0) + 1


_MEMO: Final = 20_000


def _overflow(series: Series, labels: Mapping[str, str]) -> Series:
    """Return the series that counts for those that aren't admitted, of the same labels."""
    values = ((name, labels.get(name, OTHER)) for name, _ in series.dimensions)
    return Series(series.metric, tuple(values))


def _set_of(series: Series) -> tuple[str, ...]:
    return series.metric, *(name for name, _ in series.dimensions)


def _context_dimensions(context: Context) -> dict[str, str]:
    texts = {
        "TranscriptionProvider": context.transcription_provider,
        "SpeechModel": context.speech_model,
        "TtsProvider": context.tts_provider,
        "Voice": context.voice,
        "Language": context.language,
    }
    return {name: dimension_value(text) for name, text in texts.items()}
