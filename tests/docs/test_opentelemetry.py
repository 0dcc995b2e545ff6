"""docs/opentelemetry.md: its settings, names and recipes are the worker's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.processes import ROOT
from worker.destinations.otlp.names import MetricNames
from worker.destinations.otlp.spans import trace_of
from worker.metrics.catalogue import CATALOGUE, DEFAULT_DIMENSION_SETS
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series
from worker.otlp import metrics_place, traces_place
from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import LiveReplay
from worker.sessions.record import decode_record
from worker.settings.otlp import OTEL_VARIABLES, OtlpSettings
from worker.settings.sources import load_settings
from worker.testing.traffic import Traffic, simulated_records

DOC: Final = (ROOT / "docs" / "opentelemetry.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return DOC.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(title: str) -> list[str]:
    rows = re.findall(r"^\| (.+?) \|", section(title), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]


def test_the_table_has_every_setting_of_otlp_and_its_variable() -> None:
    assert set(first_column("The settings")) == {"sink", *OtlpSettings.model_fields}
    named = re.findall(r"`((?:OTEL|…)_\w+)`", section("The settings"))
    assert len(named) == len(OTEL_VARIABLES)
    for name in named:
        assert any(variable.endswith(name.lstrip("…")) for variable in OTEL_VARIABLES)


def test_the_metrics_that_are_named_have_these_names() -> None:
    known = {f"voice_insights.{instrument_of(name).name}" for name in CATALOGUE}
    table = section("Metrics").partition("**Attributes**")[0]
    named = set(re.findall(r"`(voice_insights\.\w+)`", table))
    assert named
    assert named <= known
    names = MetricNames({**DEFAULT_DIMENSION_SETS, "CallerWait": (("Language",), ("Voice",))})
    (further,) = re.findall(r"`(voice_insights\.\w+\.by_[\w.]+)`", section("Metrics"))
    assert names.of(Series("CallerWait", (("Voice", "any"),))) == further


def test_the_spans_are_those_of_a_trace() -> None:
    commits: list[Outputs] = []
    replay = LiveReplay(Rules(), commits.append)
    for record in simulated_records(Traffic(sessions=10), 1):
        replay.feed(record)
    replay.finish()
    lines = [line.line for commit in commits for line in commit.records]
    spans = [span for line in lines for span in trace_of(decode_record(line)).spans]
    assert set(first_column("Traces")) == {span.name for span in spans}
    for name in {name for span in spans for name in span.attributes}:
        assert name.removeprefix("voice_insights") in section("Traces"), name


@pytest.mark.parametrize(
    ("title", "metrics", "traces"),
    [
        ("CloudWatch", "https://monitoring.", "https://monitoring."),
        ("Grafana Cloud", "https://otlp-gateway-", None),
        ("Langfuse", None, "https://cloud.langfuse.com/api/public/otel"),
    ],
)
def test_a_recipe_is_what_the_worker_takes(
    title: str, metrics: str | None, traces: str | None, tmp_path: Path
) -> None:
    block = section(title).partition("```\n")[2].partition("```")[0]
    said = re.sub(r"\$\(.*\)", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", block)
    environ = dict(word.split("=", 1) for word in shlex.split(said) if "=" in word)
    if title == "Grafana Cloud":
        environ["VOICE_INSIGHTS_SINK"] = "otlp"
    settings = load_settings({}, environ, directory=tmp_path).settings
    for place, expected in ((metrics_place(settings), metrics), (traces_place(settings), traces)):
        assert (place is None) == (expected is None)
        if place is not None and expected is not None:
            assert place.endpoint.startswith(expected)
            if place.headers:
                assert place.headers == {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}


def test_the_collectors_pipelines_name_what_is_there() -> None:
    config = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", section("A Collector"), re.DOTALL)[0])
    assert config["service"]["pipelines"].keys() == {"metrics", "traces"}
    for pipeline in config["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            assert set(names) <= config[kind].keys()


def test_it_says_what_was_never_tried() -> None:
    tried = section("What was tried, and what not")
    for name in ("CloudWatch", "Grafana Cloud", "Langfuse", "Collector", "Dynatrace"):
        assert name in tried.partition("**Phoenix is the only")[2]
