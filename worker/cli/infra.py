"""``voice-insights infra``: CloudFormation templates and sizes that follow from the code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final, cast

import click

from worker.aws.clients import client_errors
from worker.aws.errors import aws_errors, expecting_an_answer
from worker.aws.sessions import open_session
from worker.cli.infra_service import service, write_template
from worker.cli.infra_sizing import sizing
from worker.cli.parameters import Duration
from worker.cli.settings_options import some_settings_options
from worker.errors import BadInput, Misconfigured
from worker.events.decode import PLATFORMS
from worker.monitoring.alarms import ALARMED_LATENCIES, LATENCY_PERIOD_S
from worker.monitoring.baseline import PERIODS_AT_LEAST, threshold
from worker.monitoring.deployment import Deployment
from worker.monitoring.grafana import GrafanaSource, grafana_files
from worker.monitoring.grafana_sources import source_of
from worker.monitoring.history import StatisticsApi, history
from worker.monitoring.prometheus_rules import prometheus_rules
from worker.monitoring.template import monitoring_template
from worker.partition.series_registry import PLATFORM_DIMENSION
from worker.settings.model import Settings
from worker.settings.rules import rules_of
from worker.settings.sources import load_settings

MONITORING: Final = "infra/monitoring.yaml"
RULES: Final = "infra/prometheus-rules.yaml"
GRAFANA: Final = "grafana"

_SHORTEST_S: Final = 86_400
_LONGEST_S: Final = 63 * 86_400
"""For how long CloudWatch keeps periods of five minutes."""

_SHOWN_LINES: Final = 40


@click.group()
def infra() -> None:
    """Write the CloudFormation templates, and estimate size and cost.

    A checkout has the templates in its folder infra/; in an installation without a checkout,
    `service` and `render` write them. Render the monitoring template again after a change of the
    metrics, and once CloudWatch holds two weeks of your own traffic to take thresholds from.
    """


@infra.command(short_help="Write the template of the dashboard and the alarms.")
@click.option(
    "--out",
    "-o",
    metavar="FILE",
    help="Where to write it; - is standard output; for --grafana, a folder.  [default: "
    f"{MONITORING}, {RULES}, {GRAFANA}]",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if FILE is not up to date.")
@click.option(
    "--prometheus", is_flag=True, help="Write Prometheus's recording and alerting rules instead."
)
@click.option(
    "--grafana",
    type=click.Choice(["cloudwatch", "prometheus"]),
    help="Write the dashboard for Grafana instead, of the metrics that are there.",
)
@click.option(
    "--baseline",
    metavar="DURATION",
    type=Duration(),
    help="Derive the latency alarms' thresholds from this much history, such as 14d.",
)
@click.option(
    "--account",
    metavar="SID",
    help="Monitor the series that carry this account's labels (the setting labels).",
)
@click.option(
    "--platform",
    type=click.Choice(sorted(PLATFORMS.marked)),
    help="Watch the calls of this platform, whose series carry the dimension Platform.",
)
@click.option(
    "--fleet",
    is_flag=True,
    help="Watch a fleet, of so many buckets as the setting fleet_buckets says.",
)
@some_settings_options(
    *("namespace", "own_namespace", "region", "endpoint_url", "fleet_buckets", "max_series"),
    *("hold_direct_s", "hold_turn_s", "hold_max_s", "hold_hole_s", "close_after_wrap_up_s"),
    "release_every_s",
)
def render(
    out: str | None,
    *,
    check: bool,
    prometheus: bool,
    grafana: GrafanaSource | None,
    baseline: float | None,
    account: str | None,
    platform: str | None,
    fleet: bool,
    config_file: Path | None,
    **options: str | None,
) -> None:
    """Write what watches the worker: for CloudWatch, for Prometheus, or for Grafana.

    The CloudFormation template of the dashboard and the alarms; or, with --prometheus, a file of
    rules for who scrapes /metrics, whose alerts are those alarms; or, with --grafana, a folder with
    that dashboard for Grafana, and a file by which Grafana is provisioned with it.

    The template follows from the metrics' catalogues and from the worker's settings: namespaces,
    dimension sets, and the holds, which decide how many periods an alarm must evaluate. Give it
    the worker's settings.

    Without --baseline nothing is looked up: the latency alarms' thresholds are the limits that
    Twilio publishes, and these alarms notify nobody. With --baseline the thresholds come from
    the history in CloudWatch (cloudwatch:GetMetricStatistics; 1d to 63d), and the alarms notify;
    a metric with too little history keeps its fallback, which is reported on standard error.

    With --platform it is of that platform's calls, with limits of their own, and of the bridge that
    brings them, and nothing of the worker itself: for a second stack, beside the one without
    --platform.

    With --fleet alarms on its buckets, routers and keyed stream take the place of those on a single
    worker (docs/fleet.md); for CloudWatch only.

    \b
    Examples:
      voice-insights infra render --check
      voice-insights infra render --out - --namespace Staging
      voice-insights infra render --platform pinecall --out infra/monitoring-pinecall.yaml
      voice-insights infra render --fleet --out infra/monitoring-fleet.yaml
      voice-insights infra render --prometheus
      voice-insights infra render --grafana prometheus -o grafana
      voice-insights infra render --baseline 14d --region eu-west-1 --out my-monitoring.yaml
    """
    settings = load_settings(options, os.environ, config_file).settings
    if fleet and (platform or prometheus or grafana):
        raise Misconfigured("--fleet goes with neither --platform, --prometheus nor --grafana")
    deployment = _subject(settings, account, platform, fleet=fleet)
    measured = {} if baseline is None else _measured(settings, deployment, baseline)
    if prometheus and grafana is not None:
        raise Misconfigured("--prometheus and --grafana: give one of them")
    if grafana is not None:
        folder = Path(out or GRAFANA)
        files = grafana_files(deployment, source_of(deployment, grafana))
        _give_all({str(folder / name): text for name, text in files.items()}, check=check)
    elif prometheus:
        _give(out or RULES, prometheus_rules(deployment, measured), check=check)
    else:
        _give(out or MONITORING, monitoring_template(deployment, measured), check=check)


def _give_all(files: Mapping[str, str], *, check: bool) -> None:
    """Write some files, or see whether all of them are up to date."""
    if check:
        sys.exit(max(_differs(Path(out), text) for out, text in files.items()))
    for out, text in files.items():
        write_template(out, text)


def _give(out: str, template: str, *, check: bool) -> None:
    if check:
        sys.exit(_differs(Path(out), template))
    if out == "-":
        click.echo(template, nl=False)
        return
    write_template(out, template)


def _subject(
    settings: Settings, account: str | None, platform: str | None, *, fleet: bool
) -> Deployment:
    labels: Mapping[str, str] = {}
    if account is not None:
        if account not in settings.labels:
            raise Misconfigured(f"--account {account}: the setting labels has no such account")
        labels = settings.labels[account]
    if platform is not None:
        labels = {**labels, PLATFORM_DIMENSION: platform}
    return Deployment(
        settings.namespace,
        settings.own_namespace,
        rules_of(settings),
        tuple(labels.items()),
        platform or "",
        settings.fleet_buckets if fleet else 0,
    )


def _measured(settings: Settings, deployment: Deployment, seconds: float) -> dict[str, int]:
    if not _SHORTEST_S <= seconds <= _LONGEST_S:
        raise Misconfigured("--baseline takes 1d to 63d")
    end = _period_before(datetime.now(UTC))
    start = end - timedelta(seconds=seconds // LATENCY_PERIOD_S * LATENCY_PERIOD_S)
    with client_errors("cloudwatch"):
        client = cast(
            "StatisticsApi",
            open_session().client(
                "cloudwatch", region_name=settings.region, endpoint_url=settings.endpoint_url
            ),
        )
    with aws_errors(), expecting_an_answer("CloudWatch", client):
        found = {
            name: threshold(history(client, deployment, name, start, end))
            for name in ALARMED_LATENCIES
        }
    for name, measured in found.items():
        click.echo(f"{name}: {_threshold_text(measured)}", err=True)
    return {name: measured for name, measured in found.items() if measured is not None}


def _threshold_text(measured: int | None) -> str:
    if measured is None:
        return f"fewer than {PERIODS_AT_LEAST} periods with enough samples; keeps its fallback"
    return f"{measured:,} ms"


def _period_before(now: datetime) -> datetime:
    return datetime.fromtimestamp(now.timestamp() // LATENCY_PERIOD_S * LATENCY_PERIOD_S, UTC)


def _differs(path: Path, template: str) -> int:
    """0 if the file holds the template, else 1 after a diff on standard error."""
    try:
        there = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--out {path}: {error.strerror}") from error
    if there == template:
        return 0
    lines: list[Any] = list(
        unified_diff(there.splitlines(), template.splitlines(), str(path), "rendered", lineterm="")
    )
    for line in lines[:_SHOWN_LINES]:
        click.echo(line[:160], err=True)
    click.echo(f"{path} is not up to date: run voice-insights infra render", err=True)
    return 1


infra.add_command(service)
infra.add_command(sizing)
