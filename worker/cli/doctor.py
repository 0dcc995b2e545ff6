"""``voice-insights doctor``: examine a deployment, before the first start and later."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from time import sleep, time
from typing import Final

import click

from worker.aws.sessions import RenewableCredentials
from worker.cli.pinecall_access import examine_pinecall
from worker.cli.settings_options import settings_options
from worker.cli.twilio_rest import Bases, connected
from worker.doctor.facts import Expectations
from worker.doctor.findings import Finding, Verdict, failed
from worker.doctor.fleet import FleetStreams, fleet_findings
from worker.doctor.judging import judge
from worker.doctor.pinecall import pinecall_findings
from worker.doctor.probing import Clients, probe_deployment
from worker.doctor.probing_fleet import probe_fleet
from worker.doctor.probing_twilio import probe_twilio
from worker.doctor.twilio import twilio_findings as judge_twilio
from worker.logs.redaction import Own, redact_text
from worker.settings.model import Settings
from worker.settings.readable import readable
from worker.settings.sources import load_settings

_COLOURS: Final = {
    Verdict.OK: "green",
    Verdict.WARN: "yellow",
    Verdict.FAIL: "red",
    Verdict.NOT_KNOWN: "cyan",
}
_WIDTH: Final = max(map(len, Verdict))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--minutes",
    type=click.IntRange(1, 1440),
    default=15,
    show_default=True,
    help="How far back to read the stream.",
)
@click.option(
    "--survive",
    "survive_h",
    metavar="HOURS",
    type=click.IntRange(1, 8760),
    default=24,
    show_default=True,
    help="The longest outage of the worker that must not lose data.",
)
@click.option(
    "--twilio",
    "with_twilio",
    is_flag=True,
    help="Check Twilio, too: sink, subscription, Advanced Features (see `twilio --help`).",
)
@click.option(
    "--pinecall",
    "with_pinecall",
    is_flag=True,
    help="Ask Pinecall, too: key, scope, and how far the bridge is (see `bridge pinecall --help`).",
)
@settings_options
def doctor(
    as_json: bool,
    minutes: int,
    survive_h: int,
    with_twilio: bool,
    with_pinecall: bool,
    config_file: Path | None,
    **options: str | None,
) -> None:
    """Examine a deployment: permissions, stream, traffic, clock and state.

    Run it with the worker's settings and in the worker's role, before the first start and
    whenever something seems wrong. Each check prints one line: ok, warn, fail, or not known if
    the answer could not be found out; a line of advice follows where there is something to do.
    The exit code is 1 if a check fails, else 0.

    With fleet_stream set it examines a fleet, too: its layout, the keyed stream, each bucket's
    owner, and the tables of leases.

    It leaves nothing behind: it tests permissions to write with requests that can't succeed, and
    buckets for records and dead letters with an empty object that it deletes again. It does not
    disturb a running worker, but reading the stream costs read quota: at most one of the
    5 GetRecords a second that a shard allows, for up to 5 s, on up to 8 shards.

    \b
    Examples:
      voice-insights doctor --stream my-stream --state s3://my-bucket/state
      VOICE_INSIGHTS_STREAM=my-stream voice-insights doctor --json
      voice-insights doctor --stream my-stream --survive 72 --minutes 60
      voice-insights doctor --stream my-stream --twilio
      VOICE_INSIGHTS_PINECALL_ACCOUNT=my-org voice-insights doctor --stream my-stream --pinecall
    """
    loaded = load_settings(options, os.environ, config_file)
    stream = loaded.require_stream()
    settings = loaded.settings
    wanted = Expectations(
        stream, settings.hold_direct_s, settings.hold_turn_s, settings.quiet_s, survive_h
    )
    clients = Clients(settings, RenewableCredentials())
    facts = probe_deployment(clients, settings, stream, minutes, sleep, _now)
    judged = judge(facts, wanted)
    if settings.fleet_stream is not None:
        judged = [one for one in judged if one.check != "state"]
        fleet = probe_fleet(clients, settings, facts.stream, sleep, _now)
        judged += fleet_findings(fleet, FleetStreams(stream, settings.fleet_stream))
    if with_twilio:
        judged += _twilio(stream, settings)
    if with_pinecall:
        judged += pinecall_findings(examine_pinecall(settings, os.environ, _now()))
    own = readable(settings)
    findings = [_redacted(one, own) for one in judged]
    if as_json:
        click.echo(_as_json(findings))
    else:
        columns = get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo("\n".join(lines(findings, columns)))
        click.echo(_summary(findings), err=True)
    sys.exit(1 if failed(findings) else 0)


def _twilio(stream: str, settings: Settings) -> list[Finding]:
    addresses = {
        name: url for name in Bases._fields if (url := os.environ.get(f"TWILIO_{name.upper()}_URL"))
    }
    with connected(Bases(**addresses), settings.region, settings.endpoint_url) as asked:
        return list(judge_twilio(probe_twilio(asked.insights, asked.events, stream), stream))


def _now() -> int:
    return int(time() * 1000)


def _redacted(one: Finding, own: Own) -> Finding:
    detail, advice = redact_text(one.detail, own), redact_text(one.advice, own)
    return one._replace(detail=detail, advice=advice)


def _as_json(findings: list[Finding]) -> str:
    checks = [one._asdict() for one in findings]
    return json.dumps({"failed": failed(findings), "checks": checks}, indent=2)


def lines(findings: Iterable[Finding], columns: int | None) -> Iterator[str]:
    """The lines to print, wrapped at ``columns`` and indented, unless that is None."""
    for one in findings:
        detail = _folded(f"{one.check}: {one.detail}", columns)
        verdict = click.style(f"{one.verdict:{_WIDTH}}", fg=_COLOURS[one.verdict])
        yield f"{verdict}  {detail}"
        if one.advice:
            yield f"{'':{_WIDTH}}  {_folded(f'-> {one.advice}', columns)}"


def _folded(text: str, columns: int | None) -> str:
    indent = _WIDTH + 2
    if columns is None or columns <= 2 * indent:
        return text
    parts = wrap(text, columns - indent, break_long_words=False, break_on_hyphens=False)
    return f"\n{'':{indent}}".join(parts)


def _summary(findings: list[Finding]) -> str:
    counts = Counter(one.verdict for one in findings)
    detail = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    return f"{len(findings)} checks: {detail}"
