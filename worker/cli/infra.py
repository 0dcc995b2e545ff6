"""``voice-insights infra``: CloudFormation templates and sizes that follow from the code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

import click

from worker.aws.clients import client_errors
from worker.aws.errors import aws_errors, expecting_an_answer
from worker.aws.sessions import open_session
from worker.cli.parameters import Duration
from worker.cli.settings_options import some_settings_options
from worker.errors import BadInput, Misconfigured
from worker.monitoring.alarms import ALARMED_LATENCIES, LATENCY_PERIOD_S
from worker.monitoring.baseline import PERIODS_AT_LEAST, threshold
from worker.monitoring.deployment import Deployment
from worker.monitoring.history import StatisticsApi, history
from worker.monitoring.sizing import CALLS_A_DAY, cost_of, size_of, sizing_table
from worker.monitoring.template import monitoring_template
from worker.settings.model import Settings
from worker.settings.rules import rules_of
from worker.settings.sources import load_settings

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
    metavar="FILE",
    default="infra/monitoring.yaml",
    show_default=True,
    help="Where to write the template; - is standard output.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if FILE is not up to date.")
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
@some_settings_options(
    *("namespace", "own_namespace", "region", "endpoint_url"),
    *("hold_direct_s", "hold_turn_s", "hold_max_s", "hold_hole_s", "close_after_wrap_up_s"),
    "release_every_s",
)
def render(
    out: str,
    *,
    check: bool,
    baseline: float | None,
    account: str | None,
    config_file: Path | None,
    **options: str | None,
) -> None:
    """Write the CloudFormation template of the dashboard and the alarms.

    The template follows from the metrics' catalogues and from the worker's settings: namespaces,
    dimension sets, and the holds, which decide how many periods an alarm must evaluate. Give it
    the worker's settings.

    Without --baseline nothing is looked up: the latency alarms' thresholds are the limits that
    Twilio publishes, and these alarms notify nobody. With --baseline the thresholds come from
    the history in CloudWatch (cloudwatch:GetMetricStatistics; 1d to 63d), and the alarms notify;
    a metric with too little history keeps its fallback, which is reported on standard error.

    \b
    Examples:
      voice-insights infra render --check
      voice-insights infra render --out - --namespace Staging
      voice-insights infra render --baseline 14d --region eu-west-1 --out my-monitoring.yaml
    """
    settings = load_settings(options, os.environ, config_file).settings
    deployment = _subject(settings, account)
    measured = {} if baseline is None else _measured(settings, deployment, baseline)
    template = monitoring_template(deployment, measured)
    if check:
        sys.exit(_differs(Path(out), template))
    if out == "-":
        click.echo(template, nl=False)
        return
    _write(out, template)


@infra.command()
@click.option(
    "--out",
    metavar="FILE",
    default="infra/service.yaml",
    show_default=True,
    help="Where to write the template; - is standard output.",
)
def service(out: str) -> None:
    """Write the CloudFormation template of the worker itself.

    This release's template makes the stream, Twilio's role, a bucket, a log group and a Fargate
    task; docs/deployment.md shows how to deploy it. A checkout has it already. A file with other
    contents is not overwritten.

    \b
    Examples:
      voice-insights infra service
      voice-insights infra service --out - | less
    """
    template = service_template()
    if out == "-":
        click.echo(template, nl=False)
        return
    if Path(out).exists() and Path(out).read_bytes() != template.encode():
        raise BadInput(f"--out {out}: a different file is already there; name another one")
    _write(out, template)


def service_template() -> str:
    """The service's template, from the installed package's files, or from the checkout around
    the package.
    """
    package = files("worker")
    for folder in (package / "infra", Path(str(package)).parent / "infra"):
        template = folder / "service.yaml"
        if template.is_file():
            return template.read_text(encoding="utf-8")
    raise BadInput("this installation has no infra/service.yaml; take it from the repository")


def _write(out: str, template: str) -> None:
    """Write a template, and make the folder for it if there is none."""
    try:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(template, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--out {out}: {error.strerror}") from error
    click.echo(f"written: {out}", err=True)


def _subject(settings: Settings, account: str | None) -> Deployment:
    labels: Mapping[str, str] = {}
    if account is not None:
        if account not in settings.labels:
            raise Misconfigured(f"--account {account}: the setting labels has no such account")
        labels = settings.labels[account]
    return Deployment(
        settings.namespace, settings.own_namespace, rules_of(settings), tuple(labels.items())
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
        click.echo(f"{name}: {_told(measured)}", err=True)
    return {name: measured for name, measured in found.items() if measured is not None}


def _told(measured: int | None) -> str:
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


@infra.command()
@click.argument("calls_a_day", nargs=-1, type=click.IntRange(1, 100_000_000))
@click.option("--json", "as_json", is_flag=True, help="Print a list of JSON objects.")
def sizing(calls_a_day: tuple[int, ...], *, as_json: bool) -> None:
    """Estimate what a deployment needs and costs for CALLS_A_DAY.

    Prints shards, task size, sessions in memory, series, and dollars a month at list prices,
    Twilio's first. docs/runbook.md states the assumptions; nothing is looked up.

    \b
    Example:
      voice-insights infra sizing 2500 40000
    """
    if as_json:
        click.echo(_sizing_as_json(calls_a_day or CALLS_A_DAY))
        return
    click.echo(sizing_table(calls_a_day or CALLS_A_DAY), nl=False)


def _sizing_as_json(calls_a_day: tuple[int, ...]) -> str:
    """The sizes as JSON; a task's processor and memory are null if one processor is too small."""
    sizes = []
    for calls in calls_a_day:
        cost = cost_of(calls)
        dollars = {name: round(value, 2) for name, value in cost._asdict().items()}
        month = {**dollars, "total": round(cost.total, 2)}
        sizes.append({"calls_a_day": calls, **size_of(calls)._asdict(), "usd_per_month": month})
    return json.dumps(sizes, indent=2)
