"""EMF lines: whole, small enough for log drivers, and of the published shape."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.outbox.outboxes import metrics
from worker.destinations.emf import VALUES_PER_LINE, emf_lines
from worker.metrics.catalogue import CATALOGUE, CONTEXT_DIMENSIONS
from worker.metrics.series import Series
from worker.partition.commit_outputs import Window
from worker.testing.strict_cloudwatch import UNITS

NOON: Final = 1_790_942_400_000
MINUTE: Final = 60_000
LONGEST: Final = 15_000


def lines_of(window: Window, namespace: str = "VoiceInsights") -> list[bytes]:
    made = b"".join(emf_lines(draft.body, namespace) for draft in metrics(window))
    assert made.endswith(b"\n")
    return made.splitlines()


def check_shape(line: dict[str, Any]) -> tuple[str, tuple[tuple[str, str], ...], int]:
    """Holds a line to the format's rules; its series and minute."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert set(line["_aws"]) == {"Timestamp", "CloudWatchMetrics"}
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert 1 <= len(directive["Namespace"]) <= 1024
    (dimensions,) = directive["Dimensions"]
    (metric,) = directive["Metrics"]
    assert set(metric) == {"Name", "Unit"}
    assert metric["Unit"] in UNITS
    assert len(dimensions) <= 30
    assert set(line) == {"_aws", metric["Name"], *dimensions}
    assert all(isinstance(line[name], str) and line[name] for name in dimensions)
    target = line[metric["Name"]]
    assert set(target) == {"Values", "Counts"}
    assert 1 <= len(target["Values"]) == len(target["Counts"]) <= VALUES_PER_LINE <= 100
    assert all(isinstance(n, int) and n > 0 for n in target["Counts"])
    return (
        metric["Name"],
        tuple((name, line[name]) for name in dimensions),
        line["_aws"]["Timestamp"],
    )


series = st.builds(
    lambda name, values: Series(name, tuple(sorted(values.items()))),
    st.sampled_from(sorted(CATALOGUE)),
    st.dictionaries(
        st.sampled_from(CONTEXT_DIMENSIONS), st.sampled_from(["en-US", "deepgram", 'a"\\b'])
    ),
)
distributions = st.builds(
    lambda first, count, times: {first + n: times for n in range(count)},
    st.integers(0, 600_000),
    st.sampled_from([1, 2, 99, 100, 101, 150, 151, 250, 300]),
    st.integers(1, 9),
)
minutes = st.integers(-3, 3).map(lambda n: NOON + n * MINUTE)


@given(st.dictionaries(st.tuples(series, minutes), distributions, min_size=1, max_size=6))
def test_lines_have_the_shape_of_the_format_and_hold_every_sample_once(window: Window) -> None:
    found: dict[tuple[Series, int], dict[int, int]] = {}
    for text in lines_of(window):
        line = msgspec.json.decode(text)
        name, dimensions, minute = check_shape(line)
        kept = found.setdefault((Series(name, dimensions), minute), {})
        for value, count in zip(line[name]["Values"], line[name]["Counts"], strict=True):
            exact = round(value * CATALOGUE[name].scale)
            kept[exact] = kept.get(exact, 0) + count
    assert found == window


@pytest.mark.parametrize("metric", ["TokensPerSecond", "Tokens", "InterruptionsPerSession"])
def test_the_longest_line_is_below_what_log_drivers_split(metric: str) -> None:
    longest = 'say "\\' * 42 + "abc"  # 255 characters, many of them escaped
    dimensions = tuple((name, longest) for name in sorted(CONTEXT_DIMENSIONS))
    labels = (("Environment", longest), ("Team", longest))
    big = {2**62 + n * 997: 10**9 + n for n in range(300)}
    lines = lines_of({(Series(metric, (*dimensions, *labels)), NOON): big}, "N" * 255)
    assert len(lines) >= 3
    assert max(map(len, lines)) < LONGEST


def test_a_line_says_its_namespace_minute_and_unit() -> None:
    window: Window = {(Series("SttLatency", (("SpeechModel", "nova-3"),)), NOON): {120: 2, 90: 1}}
    (line,) = lines_of(window, "Mine")
    assert msgspec.json.decode(line) == {
        "_aws": {
            "Timestamp": NOON,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Mine",
                    "Dimensions": [["SpeechModel"]],
                    "Metrics": [{"Name": "SttLatency", "Unit": "Milliseconds"}],
                }
            ],
        },
        "SpeechModel": "nova-3",
        "SttLatency": {"Values": [90, 120], "Counts": [1, 2]},
    }
