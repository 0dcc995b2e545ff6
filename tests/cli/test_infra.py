"""The command ``infra``: the template on disk, its drift, and its baseline."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.infra.templates import MONITORING, SERVICE, load, parse
from tests.processes import AWS
from worker.cli.main import cli
from worker.errors import BadInput, Misconfigured
from worker.monitoring.alarms import ALARMED_LATENCIES, SAMPLES_AT_LEAST
from worker.monitoring.sizing import CALLS_A_DAY, cost_of, size_of
from worker.testing.moto_server import client_of, embedded_aws


def render(*options: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, ["infra", "render", *map(str, options)], env=env)


def test_what_is_written_is_up_to_date_until_a_setting_changes(tmp_path: Path) -> None:
    out = tmp_path / "monitoring.yaml"
    assert render("--out", out).exit_code == 0
    assert load(out) == load(MONITORING)
    assert render("--out", out, "--check").exit_code == 0
    drifted = render("--out", out, "--check", "--hold-max-s", 1200)
    assert drifted.exit_code == 1
    assert "not up to date" in drifted.stderr
    assert load(out) == load(MONITORING)


def test_the_template_goes_to_standard_output_on_demand() -> None:
    done = render("--out", "-", "--namespace", "Staging")
    alarm = parse(done.stdout)["Resources"]["DeadLetters"]["Properties"]
    assert alarm["Namespace"] == "VoiceInsights/Worker"
    assert '"Staging"' in done.stdout


def test_a_labelled_account_is_watched_by_its_labels() -> None:
    env = {"VOICE_INSIGHTS_LABELS": '{"AC1": {"Environment": "prod"}}'}
    done = render("--out", "-", "--account", "AC1", env=env)
    alarm = parse(done.stdout)["Resources"]["CallerWaitP95"]["Properties"]
    stats = [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]
    assert all(one["Dimensions"] == [{"Name": "Environment", "Value": "prod"}] for one in stats)
    wrong = render("--account", "AC2", env=env)
    assert isinstance(wrong.exception, Misconfigured)


def test_both_templates_are_written_wherever_one_is(tmp_path: Path) -> None:
    for command, template in (("render", MONITORING), ("service", SERVICE)):
        out = tmp_path / "new" / "folder" / template.name
        done = CliRunner().invoke(cli, ["infra", command, "--out", str(out)])
        assert done.exit_code == 0, done.exception
        assert load(out) == load(template)
        assert CliRunner().invoke(cli, ["infra", command, "--out", str(out)]).exit_code == 0


def test_rules_and_dashboards_are_up_to_date_until_a_setting_changes(tmp_path: Path) -> None:
    rules, folder = tmp_path / "rules.yaml", tmp_path / "grafana"
    for options in (
        ("--prometheus", "--out", rules),
        ("--grafana", "prometheus", "-o", folder),
        ("--grafana", "cloudwatch", "-o", folder),
    ):
        assert render(*options, "--check").exit_code != 0
        assert render(*options).exit_code == 0
        assert render(*options, "--check").exit_code == 0
    assert render("--grafana", "cloudwatch", "-o", folder, "--namespace", "X", "--check").exit_code
    assert len(list((folder / "dashboards").iterdir())) == 2
    both = render("--prometheus", "--grafana", "prometheus")
    assert isinstance(both.exception, Misconfigured)


def test_a_service_template_that_someone_has_changed_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "service.yaml"
    out.write_text("mine")
    refused = CliRunner().invoke(cli, ["infra", "service", "--out", str(out)])
    assert isinstance(refused.exception, BadInput)
    assert out.read_text() == "mine"


def test_sizes_and_costs_as_json_are_those_of_the_table() -> None:
    of_many = json.loads(CliRunner().invoke(cli, ["infra", "sizing", "--json"]).stdout)
    assert [one["calls_a_day"] for one in of_many] == list(CALLS_A_DAY)
    (one,) = json.loads(CliRunner().invoke(cli, ["infra", "sizing", "2500", "--json"]).stdout)
    size, cost = size_of(2500), cost_of(2500)
    assert (one["shards"], one["memory"]) == (size.shards, size.memory)
    assert one["usd_per_month"]["total"] == round(cost.total, 2)


@pytest.mark.parametrize("baseline", ["1h", "64d"])
def test_a_baseline_is_of_days_that_cloudwatch_still_has(baseline: str) -> None:
    refused = render("--baseline", baseline, "--out", "-")
    assert isinstance(refused.exception, Misconfigured)
    assert "1d to 63d" in str(refused.exception)


@pytest.mark.slow
def test_a_baseline_comes_from_cloudwatch(tmp_path: Path) -> None:
    """moto answers with statistics and knows no percentiles, so nothing is measured there: what
    becomes of AWS's answers, ``tests/monitoring/test_history.py`` holds.
    """
    with embedded_aws() as endpoint:
        client = client_of("cloudwatch", endpoint)
        client.put_metric_data(
            Namespace="VoiceInsights",
            MetricData=[
                {
                    "MetricName": "CallerWait",
                    "Timestamp": datetime.now(UTC) - timedelta(hours=2),
                    "Values": [900.0],
                    "Counts": [float(SAMPLES_AT_LEAST)],
                    "Unit": "Milliseconds",
                }
            ],
        )
        out = tmp_path / "monitoring.yaml"
        done = render("--baseline", "2d", "--endpoint-url", endpoint, "--out", out, env=AWS)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("keeps its fallback") == len(ALARMED_LATENCIES)
    assert load(out) == load(MONITORING)
