"""Grafana's dashboards: CloudWatch's, panel by panel, in words that Grafana and Prometheus know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.promtool import checked
from tests.telemetry.replays import totals_of
from worker.metrics.catalogue import CATALOGUE
from worker.metrics.series import SeriesRules
from worker.monitoring.alarms import alarms
from worker.monitoring.dashboard import dashboard
from worker.monitoring.deployment import Deployment
from worker.monitoring.grafana import (
    SCHEMA_VERSION,
    GrafanaSource,
    grafana_dashboard,
    grafana_files,
)
from worker.monitoring.grafana_sources import source_of
from worker.partition.rules import Rules
from worker.settings.model import Settings
from worker.settings.rules import rules_of
from worker.telemetry.calls import call_families
from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.exposition import exposition
from worker.testing.habits import Habits
from worker.testing.traffic import Traffic, simulated_records

SETTINGS: Final = Settings()
PLAIN: Final = Deployment(SETTINGS.namespace, SETTINGS.own_namespace, rules_of(SETTINGS))
LABELLED: Final = PLAIN._replace(
    labels=(("Environment", "prod"),),
    rules=Rules(series=SeriesRules(sets={"CallerWait": (("Language",), ("TtsProvider", "Voice"))})),
)
PINECALL: Final = PLAIN._replace(labels=(("Platform", "pinecall"),), platform="pinecall")
SOURCES: Final[tuple[GrafanaSource, ...]] = ("cloudwatch", "prometheus")
FIELDS: Final = {
    *("__inputs", "__requires", "annotations", "description", "editable", "graphTooltip", "id"),
    *("links", "panels", "refresh", "schemaVersion", "tags", "templating", "time", "timezone"),
    *("title", "uid", "version"),
}
PANEL_FIELDS: Final = {
    *("id", "type", "title", "datasource", "gridPos", "targets", "fieldConfig", "options"),
    *("links", "transparent"),
}
UNITS: Final = {"ms", "s", "percent", "percentunit", "short", "bytes"}


def made(kind: GrafanaSource, deployment: Deployment = PLAIN) -> dict[str, Any]:
    whole = grafana_dashboard(deployment, source_of(deployment, kind))
    found = json.loads(json.dumps(whole))
    assert isinstance(found, dict)
    return found


def targets(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in whole["panels"]:
        yield from panel.get("targets", ())


def expressions(deployment: Deployment = PLAIN) -> list[str]:
    return [target["expr"] for target in targets(made("prometheus", deployment))]


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("deployment", [PLAIN, LABELLED, PINECALL])
def test_a_dashboard_has_the_fields_that_grafana_knows(
    kind: GrafanaSource, deployment: Deployment
) -> None:
    whole = made(kind, deployment)
    assert whole.keys() == FIELDS
    assert (whole["schemaVersion"], whole["timezone"]) == (SCHEMA_VERSION, "utc")
    assert (whole["refresh"], whole["time"]) == ("1m", {"from": "now-6h", "to": "now"})
    assert [panel["id"] for panel in whole["panels"]] == list(range(1, len(whole["panels"]) + 1))
    for panel in whole["panels"]:
        assert panel.keys() <= PANEL_FIELDS, panel["title"]
        for override in panel.get("fieldConfig", {}).get("overrides", ()):
            assert override.keys() == {"matcher", "properties"}
        if panel["type"] == "timeseries":
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
            assert any(not target.get("hide") for target in panel["targets"])


def test_no_dashboard_takes_the_place_of_another() -> None:
    every = [(kind, deployment) for kind in SOURCES for deployment in (PLAIN, PINECALL)]
    dashboards = [made(kind, deployment) for kind, deployment in every]
    for name in ("uid", "title"):
        assert len({one[name] for one in dashboards}) == len(every)
    files = [grafana_files(deployment, source_of(deployment, kind)) for kind, deployment in every]
    apart = {path for folder in files for path in folder if path.startswith("dashboards/")}
    assert len(apart) == len(every)
    assert len({folder["provisioning/dashboards/voice-insights.yaml"] for folder in files}) == 1


@pytest.mark.parametrize("kind", SOURCES)
def test_every_data_source_is_the_one_that_is_chosen(kind: GrafanaSource) -> None:
    whole = made(kind)
    named = [one for one in walked(whole) if isinstance(one, dict) and "uid" in one]
    used = [one for one in named if one is not whole]
    assert used
    assert all(one == {"type": kind, "uid": "${datasource}"} for one in used)
    variables = {one["name"]: one for one in whole["templating"]["list"]}
    assert variables["datasource"]["query"] == kind
    assert {"language", "page_url", "runbook_url"} <= variables.keys()
    asked = set(re.findall(r"\$\{?([a-z_]+)\}?", json.dumps(whole)))
    assert asked - {"__all"} == variables.keys()


def walked(data: Any) -> Iterator[Any]:
    yield data
    for one in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from walked(one)


@pytest.mark.parametrize("kind", SOURCES)
def test_no_two_panels_overlap_and_none_is_beyond_the_grid(kind: GrafanaSource) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in made(kind)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_of_cloudwatch_every_line_of_its_dashboard_is_there() -> None:
    found = {
        (target.get("metricName"), target.get("statistic"), target.get("expression"))
        for target in targets(made("cloudwatch"))
    }
    lines = [
        line
        for widget in dashboard(PLAIN, alarms(PLAIN))["widgets"]
        for line in widget["properties"].get("metrics", ())
    ]
    assert lines
    for line in lines:
        options = line[-1]
        if len(line) > 1:
            assert (line[1], options["stat"], None) in found
        else:
            asked = options["expression"].replace('{"VoiceInsights"', '{"$namespace"')
            assert (None, None, asked) in found


def test_of_prometheus_every_line_is_there_but_those_of_the_stream() -> None:
    panels = {panel["title"]: panel for panel in made("prometheus")["panels"]}
    assert "The stream" not in panels
    for panel in made("cloudwatch")["panels"]:
        if panel["type"] != "timeseries" or panel["title"] in {
            "The stream",
            "What callers wait, in $language",
        }:
            continue
        visible = [target for target in panel["targets"] if not target["hide"]]
        title = panel["title"]
        assert len(panels[title]["targets"]) == len(visible), title


def test_a_share_within_a_limit_that_is_no_bound_names_the_bound_that_it_is_within() -> None:
    (panel,) = (one for one in made("prometheus", PINECALL)["panels"] if "Good" in one["title"])
    within = {
        target["legendFormat"]: re.findall(r'le="([\d.]+)"', target["expr"])
        for target in panel["targets"]
        if "within" in target["legendFormat"]
    }
    assert within == {
        "within 1,500 ms {{platform}}": ["1.5"],
        "within 2,000 ms {{platform}}": ["2.0"],
    }


@pytest.mark.parametrize("deployment", [PLAIN, LABELLED, PINECALL])
def test_prometheus_can_read_every_expression(deployment: Deployment, tmp_path: Path) -> None:
    rules = [
        {"record": f"one:{number}", "expr": expression}
        for number, expression in enumerate(expressions(deployment))
    ]
    (tmp_path / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]})
    )
    assert "SUCCESS" in checked("check", "rules", tmp_path / "rules.yaml")


def test_every_series_that_prometheus_is_asked_for_is_told_by_a_worker() -> None:
    habits = Habits(errors=0.5, silences=0.5, barge_ins=0.3, back_to_back=0.2)
    records = simulated_records(Traffic(sessions=60, habits=habits, lost=0.02), 5)
    page = exposition(call_families(totals_of(records), PLAIN.rules.series.sets, "on"))
    told = {line.split("{")[0].split(" ")[0] for line in page.splitlines() if line[0] != "#"}
    told |= {one.prometheus_name for one in TELEMETRY_METRICS.values()} | {"ALERTS"}
    asked = {
        name
        for expression in expressions()
        for name in re.findall(r"\b(voice_insights_\w+|ALERTS)\b", expression)
    }
    assert len(asked) > len(CATALOGUE) // 2
    assert asked <= told


def test_what_is_told_of_calls_is_told_by_platform() -> None:
    for panel in made("prometheus")["panels"]:
        for target in panel.get("targets", ()):
            if "voice_insights_worker_" in target["expr"] or panel["type"] == "heatmap":
                continue
            if not target["expr"].startswith("ALERTS"):
                assert "sum by (job, platform" in target["expr"]
            assert "{{platform}}" in target["legendFormat"]


def test_a_chosen_language_narrows_no_side_of_a_fraction_alone() -> None:
    for expression in expressions():
        chosen = expression.count('language=~"$language"')
        assert chosen in {0, expression.count("[5m]")}, expression


def test_labels_narrow_every_series_of_calls() -> None:
    for expression in expressions(LABELLED):
        calls = re.findall(r"voice_insights_(?!worker_)\w+\{([^}]*)\}", expression)
        assert all('environment="prod"' in one for one in calls)


def test_targets_are_lines_in_the_data_sources_own_unit() -> None:
    for kind, bounds in (("cloudwatch", [None, 885, 1100]), ("prometheus", [None, 0.885, 1.1])):
        panel = next(
            one
            for one in made(kind)["panels"]  # type: ignore[arg-type]
            if one["title"] == "What callers wait"
        )
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [step["value"] for step in steps] == bounds


@pytest.mark.parametrize("kind", SOURCES)
def test_a_folder_has_the_dashboard_and_what_grafana_is_provisioned_by(kind: GrafanaSource) -> None:
    files = grafana_files(PLAIN, source_of(PLAIN, kind))
    assert json.loads(files[f"dashboards/voice-insights-{kind}.json"]) == made(kind)
    (provider,) = yaml.safe_load(files["provisioning/dashboards/voice-insights.yaml"])["providers"]
    assert provider["type"] == "file"
