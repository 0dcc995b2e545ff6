"""The names that metrics of calls and their dimensions have in OpenTelemetry. Pure.

Of one metric no sample is in two series of one name, so that a sum over all of them is right. The
series by one set of dimensions bear the plain name, those by further sets names of their own
(``voice_insights.caller_wait.by_tts.voice``), and those without dimensions are left out where there
are others: they are their sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from worker.metrics.catalogue import CATALOGUE, CONTEXT_DIMENSIONS
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series

DimensionSetsByMetric = Mapping[str, Sequence[Sequence[str]]]
"""Further dimension sets by metric, as the settings have them."""

_PREFIX: Final = "voice_insights."

_ATTRIBUTES: Final = {
    "Language": "language",
    "TtsProvider": "tts.provider",
    "Voice": "tts.voice",
    "TranscriptionProvider": "stt.provider",
    "SpeechModel": "stt.model",
    "Type": "interruption.type",
    "ErrorCode": "error.type",
    "EndStatus": "end_status",
    "Tool": "tool",
    "Platform": "platform",
    "Environment": "deployment.environment.name",
}
"""Attributes by dimension; any other, an account's label, keeps its name."""


class MetricNames:
    """``sets``: the dimension sets in force."""

    def __init__(self, sets: DimensionSetsByMetric) -> None:
        self._names = {
            (metric, names): _PREFIX + instrument_of(metric).name + suffix
            for metric in CATALOGUE
            for names, suffix in _families(metric, sets)
        }

    def of(self, series: Series) -> str | None:
        """The metric's name for a series; None for one that is the sum of others."""
        return self._names.get((series.metric, _varying(series)))


def attributes_of(series: Series) -> list[tuple[str, str]]:
    """A series' dimensions as attributes, by name."""
    return sorted((_ATTRIBUTES.get(name, name), value) for name, value in series.dimensions)


def _families(metric: str, sets: DimensionSetsByMetric) -> list[tuple[tuple[str, ...], str]]:
    """The sets of dimensions that a metric is published by, each with what its name ends with."""
    own = CATALOGUE[metric].own_dimension
    found: list[tuple[str, ...]] = [] if own is None else [(own,)]
    found += [
        tuple(sorted({name for name in names if name in CONTEXT_DIMENSIONS}))
        for names in sets.get(metric, ())
    ]
    wanted = list(dict.fromkeys(one for one in found if one)) or [()]
    return [(one, "" if one == wanted[0] else _by(one)) for one in wanted]


def _by(names: tuple[str, ...]) -> str:
    return f".by_{'_'.join(_ATTRIBUTES[name] for name in names)}"


@lru_cache(maxsize=4096)
def _varying(series: Series) -> tuple[str, ...]:
    """The dimensions by which a metric's series differ; the others are an account's labels, or the
    platform, which all of its series have.
    """
    own = CATALOGUE[series.metric].own_dimension
    names = (name for name, _ in series.dimensions)
    return tuple(name for name in names if name == own or name in CONTEXT_DIMENSIONS)
