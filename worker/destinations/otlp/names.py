"""The names of call metrics and their dimensions in OpenTelemetry. Pure.

No sample of a metric is in two series of one name, so that a sum over a name is exact. The series
by one set of dimensions bear the plain name, and series by further sets names of their own
(``voice_insights.caller_wait.by_tts.voice``). A series without dimensions is left out if the metric
has others: it is their sum.
"""

from __future__ import annotations

from typing import Final

from worker.metrics.catalogue import CATALOGUE
from worker.metrics.dimension_sets import SetsByMetric, dimension_sets_of, varying_dimensions
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series

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
"""Attributes by dimension; any other dimension, an account's label, keeps its name."""


class MetricNames:
    """``sets``: the dimension sets in force."""

    def __init__(self, sets: SetsByMetric) -> None:
        self._names = {
            (metric, names): _PREFIX + instrument_of(metric).name + ("" if n == 0 else _by(names))
            for metric in CATALOGUE
            for n, names in enumerate(dimension_sets_of(metric, sets))
        }

    def of(self, series: Series) -> str | None:
        """Return the metric's name for a series; None for one that is the sum of others."""
        return self._names.get((series.metric, varying_dimensions(series)))


def attributes_of(series: Series) -> list[tuple[str, str]]:
    """Return a series' dimensions as attributes, by name."""
    return sorted((_ATTRIBUTES.get(name, name), value) for name, value in series.dimensions)


def _by(names: tuple[str, ...]) -> str:
    return f".by_{'_'.join(_ATTRIBUTES[name] for name in names)}"
