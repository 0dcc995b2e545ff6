"""What the dashboard shows, and that all of it exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from worker.metrics.catalogue import CATALOGUE, CONTEXT_DIMENSIONS
from worker.metrics.series import SeriesRules
from worker.monitoring.alarms import alarms
from worker.monitoring.dashboard import END_STATUSES, dashboard
from worker.monitoring.deployment import Deployment
from worker.monitoring.targets import TARGETS
from worker.monitoring.widgets import COLUMNS
from worker.partition.rules import Rules
from worker.telemetry.catalogue import TELEMETRY_METRICS

SUBJECT = Deployment("Voice", "Voice/Worker")
BODY = dashboard(SUBJECT, alarms(SUBJECT))
WIDGETS = BODY["widgets"]


def graphs(body: dict[str, Any] = BODY) -> Iterator[dict[str, Any]]:
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            yield widget["properties"]


def series(body: dict[str, Any] = BODY) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of all that is shown; of a search, dimensions alone."""
    for graph in graphs(body):
        for *path, options in graph["metrics"]:
            if path:
                yield path[0], path[1], dict(zip(path[2::2], path[3::2], strict=True))
            elif options["expression"].startswith("SEARCH"):
                schema, name = re.findall(r"{(.*?)} MetricName=\"(\w+)\"", options["expression"])[0]
                namespace, *names = (one.strip('"') for one in schema.split(","))
                yield namespace, name, dict.fromkeys(names, "")


def graph(title: str) -> dict[str, Any]:
    (found,) = (one for one in graphs() if one["title"].startswith(title))
    return found


def test_every_metric_shown_is_published() -> None:
    own_dimensions = {name: one.own_dimension for name, one in CATALOGUE.items()}
    for namespace, name, dimensions in series():
        if namespace == "Voice":
            assert set(dimensions) <= {own_dimensions[name], *CONTEXT_DIMENSIONS}
        elif namespace == "Voice/Worker":
            assert name in TELEMETRY_METRICS
            assert dimensions == {}
        else:
            assert namespace == "AWS/Kinesis"
            assert dimensions == {"StreamName": "${StreamName}"}


def test_what_callers_notice_comes_first() -> None:
    titles = [one["title"] for one in graphs()]
    order = ["Good turns", "What callers wait", "Callers who gave up"]
    order += ["Speech to text", "Application", "Text to speech", "Per 100 turns"]
    order += ["Sessions started", "Sessions ended", "Errors", "SttLatency by", "Worker alive"]
    places = [next(i for i, one in enumerate(titles) if one.startswith(it)) for it in order]
    assert places == sorted(places)
    assert WIDGETS[-1]["type"] == "alarm"


def test_good_turns_are_shown_with_their_coverage() -> None:
    stats = {line[-1].get("stat") for line in graph("Good turns")["metrics"]}
    assert {"PR(:885)", "PR(:1100)"} <= stats
    assert any("coverage" in line[-1].get("label", "") for line in graph("Good turns")["metrics"])


def test_waits_are_shown_with_their_coverage() -> None:
    waits = graph("What callers wait")
    (coverage,) = (line[-1] for line in waits["metrics"] if "coverage" in line[-1].get("label", ""))
    shown = {path[1] for *path, _ in waits["metrics"] if path}
    assert shown == {"CallerWait", "DoubtfulWaits"}
    assert coverage["yAxis"] == "right"
    assert waits["yAxis"]["right"] == {"min": 0, "max": 100}


def test_published_targets_are_lines() -> None:
    for title, name in (
        ("Speech to text", "SttLatency"),
        ("Application:", "ApplicationLatency"),
        ("Text to speech", "TtsLatency"),
        ("What callers wait", "CallerWait"),
    ):
        lines = [one["value"] for one in graph(title)["annotations"]["horizontal"]]
        assert lines == list(TARGETS[name])


def test_all_end_statuses_are_shown() -> None:
    shown = {line[3] for line in graph("Sessions ended")["metrics"]}
    assert shown == set(END_STATUSES)


def test_ids_are_names_and_differ_within_a_graph() -> None:
    for one in graphs():
        ids = [line[-1]["id"] for line in one["metrics"] if "id" in line[-1]]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-z][A-Za-z0-9_]*", id_) for id_ in ids)
        for line in one["metrics"]:
            used = set(re.findall(r"\b[a-z_]+\b", line[-1].get("expression", "")))
            if "SEARCH" not in line[-1].get("expression", ""):
                assert used <= set(ids)


def test_expressions_are_of_the_functions_and_the_form_that_cloudwatch_has() -> None:
    functions = {"FILL": lambda value, _: value, "SUM": sum}
    computed = 0
    for one in graphs():
        known = {line[-1]["id"]: 1.0 for line in one["metrics"] if len(line) > 1}
        for line in one["metrics"]:
            expression = line[-1].get("expression", "")
            if expression.startswith("SEARCH"):
                assert re.fullmatch(
                    r"""SEARCH\('\{"[^"]+"(,"\w+")+\} MetricName="\w+"', '(Sum|p95)', 300\)""",
                    expression,
                )
            elif expression:
                assert eval(expression, {**functions, **known}) in (50.0, 100.0)
                computed += 1
    assert computed > 4


def test_widgets_lie_side_by_side() -> None:
    cells = [
        {
            (x, y)
            for x in range(one["x"], one["x"] + one["width"])
            for y in range(one["y"], one["y"] + one["height"])
        }
        for one in WIDGETS
    ]
    assert all(x < COLUMNS for one in cells for x, _ in one)
    assert not any(this & that for this, that in combinations(cells, 2))


def test_further_dimension_sets_are_shown_as_they_are_set() -> None:
    sets = {"Errors": (("Language",),), "TtsLatency": (("Voice", "Language"),)}
    rules = Rules(series=SeriesRules(sets=sets))
    body = dashboard(Deployment("Voice", "W", rules), [])
    shown = {(name, tuple(dimensions)) for _, name, dimensions in series(body)}
    assert {("Errors", ("Language",)), ("TtsLatency", ("Language", "Voice"))} <= shown
    assert ("CallerWait", ("Language",)) not in shown


def test_a_labelled_accounts_series_are_found_by_its_labels() -> None:
    deployment = Deployment("Voice", "W", labels=(("Environment", "prod"),))
    for namespace, _, dimensions in series(dashboard(deployment, [])):
        assert ("Environment" in dimensions) == (namespace == "Voice")
