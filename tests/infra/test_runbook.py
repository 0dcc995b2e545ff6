"""The runbook says what to do about every alarm, and what the code computes."""

from __future__ import annotations

import ast
import json
import re

import pytest

from tests.infra.templates import SERVICE, load
from tests.processes import ROOT
from worker.events.decode import DEFECT
from worker.monitoring.alarm import Alarm
from worker.monitoring.alarms import alarms
from worker.monitoring.dashboard import dashboard
from worker.monitoring.deployment import Deployment
from worker.monitoring.sizing import CALLS_A_DAY, sizing_table
from worker.partition.dead_letters import OVER_CAPACITY, TOO_LATE
from worker.sessions.schema import SessionRecord
from worker.settings.model import Settings
from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.log_lines import LogLine

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
ALARMS = alarms(Deployment("VoiceInsights", "VoiceInsights/Worker"))
PINECALLS = alarms(Deployment("VoiceInsights", "VoiceInsights/Worker", platform="pinecall"))
OF_A_FLEET = alarms(Deployment("VoiceInsights", "VoiceInsights/Worker", buckets=16))
EVERY = {alarm.name: alarm for alarm in (*OF_A_FLEET, *PINECALLS, *ALARMS)}

SECTIONS = dict(re.findall(r"^### (\w+)\n\n(.*?)(?=^###? |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("alarm", EVERY.values(), ids=lambda alarm: alarm.name)
def test_every_alarm_has_its_paragraph(alarm: Alarm) -> None:
    text = SECTIONS[alarm.name]
    assert text.startswith(alarm.urgency.value.title())
    assert len(text.split()) >= 10
    if not alarm.measured:
        assert "once it is measured" in text


def test_there_is_no_paragraph_of_an_alarm_that_is_gone() -> None:
    assert SECTIONS.keys() == EVERY.keys()


def test_the_table_of_sizes_is_what_the_arithmetic_gives() -> None:
    assert sizing_table(CALLS_A_DAY) in RUNBOOK


def test_numbers_that_the_page_names_are_those_of_the_alarms() -> None:
    heartbeat = next(alarm for alarm in ALARMS if alarm.name == "Heartbeat")
    flat = " ".join(RUNBOOK.split())
    assert f"not go off before {heartbeat.bad * heartbeat.period_s // 60} minutes" in flat
    assert f"{sum(len(alarm.metrics) for alarm in ALARMS)} metrics in alarms" in flat


def test_what_the_page_tells_to_look_at_is_on_the_dashboard() -> None:
    body = json.dumps(dashboard(Deployment("VoiceInsights", "VoiceInsights/Worker"), ALARMS))
    named = {name for name in TELEMETRY_METRICS if re.search(rf"\b{name}\b", RUNBOOK)}
    assert len(named) > 4
    assert [name for name in sorted(named) if f'"{name}"' not in body] == []


def test_templates_and_commands_that_the_pages_name_are_there() -> None:
    for path in re.findall(r"infra/[\w.-]+", DEPLOYMENT + RUNBOOK):
        assert (ROOT / path.rstrip(".")).exists(), path


def test_parameters_that_the_page_gives_are_the_templates() -> None:
    given = set(re.findall(r"\b([A-Z][a-z]\w+)=", DEPLOYMENT + RUNBOOK))
    templates = [
        (ROOT / "infra" / name).read_text(encoding="utf-8")
        for name in ("service.yaml", "fleet.yaml", "monitoring.yaml")
    ]
    http = {"Description", "SinkType", "SinkConfiguration", "TestId", "SinkSid", "Types"}
    for name in given - http:
        assert any(f"\n  {name}:\n" in text for text in templates), name


def test_alarms_that_a_command_names_are_those_of_the_stack() -> None:
    named = re.findall(r"--alarm-names (\S+)", RUNBOOK)
    assert named
    assert set(named) <= {f"voice-insights-watch-{alarm.name}" for alarm in ALARMS}


def test_what_is_picked_from_session_records_is_in_them() -> None:
    picked = " ".join(re.findall(r"jq .*", RUNBOOK))
    fields = set(re.findall(r"\.(\w+)", picked))
    assert len(fields) > 2
    assert fields <= set(SessionRecord.__struct_fields__)


def test_the_state_can_be_brought_back_for_as_long_as_the_page_says() -> None:
    rules = load(SERVICE)["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (state,) = (rule for rule in rules if rule.get("Prefix") == "state/")
    assert state["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert "below `state/` for one day only" in " ".join(RUNBOOK.split())


def test_the_reasons_of_dead_letters_that_the_page_names_are_those_that_letters_have() -> None:
    section = " ".join(SECTIONS["DeadLetters"].split())
    assert f"`{OVER_CAPACITY}`" in section
    assert f"`{TOO_LATE.partition(':')[0]}`" in section
    assert f"`{DEFECT}`" in section
    (only,) = re.findall(r"--reason '(.*?)'", section)
    assert only in OVER_CAPACITY
    hours = Settings.model_fields["expire_after_s"].default // 3600
    assert f"within {hours} hours" in section


LINES = dict(
    re.findall(r"^\* \*\*`(.+?)`\*\*(.*?)(?=^\* \*\*`|^## |\Z)", RUNBOOK, re.M | re.DOTALL)
)


def test_every_log_line_at_warning_or_above_is_named_and_no_other() -> None:
    assert LINES.keys() == {line.value for line in LogLine}
    assert all(len(text.split()) >= 8 for text in LINES.values())


def test_no_line_at_warning_or_above_is_written_but_by_its_name() -> None:
    written = [
        f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node.args[0]) if node.args else ''}"
        for path in (ROOT / "worker").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) != "math"
        and node.func.attr in {"warning", "warn", "error", "exception", "critical", "log"}
    ]
    bridge = "worker/logs/setup.py"  # hands on what libraries log
    named = [line for line in written if " LogLine." in line or line.startswith(bridge)]
    assert written == named
    assert len(named) > 2


def test_lines_that_the_pages_quote_are_those_of_the_log() -> None:
    quoted = set(re.findall(r"log lines? `([^`]+)`", " ".join(RUNBOOK.split())))
    assert quoted
    told = {line.value for line in LogLine} | {"started", "own metrics"}
    assert quoted <= told
