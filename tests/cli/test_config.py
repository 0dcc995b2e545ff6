from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.processes import LONGEST_S
from worker.cli.config import config
from worker.errors import Misconfigured
from worker.metrics.catalogue import CATALOGUE
from worker.settings.model import Settings


def _printed(*args: str, **environ: str) -> str:
    named = {f"VOICE_INSIGHTS_{name}": value for name, value in environ.items()}
    done = CliRunner().invoke(config, args, env=named, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def _rows(printed: str) -> dict[str, list[str]]:
    """Of each setting, where it came from and its value."""
    table = printed.split("\n\n")[0]
    return {name: [rest[0], *rest[1:]] for name, *rest in map(str.split, table.splitlines())}


def test_every_setting_is_printed_once_with_its_source() -> None:
    rows = _rows(_printed())
    assert list(rows) == list(Settings.model_fields)
    assert {source for source, *_ in rows.values()} == {"default"}


def test_sources_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("quiet_s = 7\nstart = 2026-10-02T12:00:00Z")
    rows = _rows(_printed("--config", str(file), "--stream", "s", HOLD_TURN_S="200"))
    assert rows["stream"] == ["option", "--stream", "s"]
    assert rows["hold_turn_s"] == ["env", "VOICE_INSIGHTS_HOLD_TURN_S", "200"]
    assert rows["quiet_s"] == ["file", str(file), "7"]
    assert rows["start"] == ["file", str(file), "2026-10-02T12:00:00.000Z"]


def test_a_value_is_never_cut_when_piped() -> None:
    sets = {metric: [["Language", "Voice"], ["TtsProvider"]] for metric in CATALOGUE}
    line = next(
        line
        for line in _printed(DIMENSIONS=json.dumps(sets)).splitlines()
        if line.startswith("dimensions")
    )
    assert line.endswith(json.dumps(sets))


def test_credentials_are_masked() -> None:
    labels = json.dumps({"AC1": {"ApiKey": "hunter2"}})
    for args in [(), ("--json",)]:
        printed = _printed(*args, ENDPOINT_URL="https://user:hunter2@h.test/", LABELS=labels)
        assert "hunter2" not in printed
        assert "https://***@h.test/" in printed


def test_the_json_form_says_the_same() -> None:
    told: dict[str, Any] = json.loads(_printed("--json", SINK="emf"))
    assert list(told["settings"]) == list(Settings.model_fields)
    assert told["settings"]["sink"] == {"value": ["emf"], "source": "env VOICE_INSIGHTS_SINK"}
    assert told["settings"]["stream"] == {"value": None, "source": "default"}
    series = told["series"]
    assert series["base"] == len(CATALOGUE) < series["at_most"]
    assert series["usd_per_month_base"] == pytest.approx(0.30 * series["base"])


def test_the_number_of_series_and_their_cost_are_stated_as_an_estimate() -> None:
    printed = _printed(DIMENSIONS="{}", MAX_SERIES="10000")
    count = len(CATALOGUE)
    own = 210 + 201  # interruptions, ends and errors by code; tools
    at_most = 2 * (count + own)  # with Platform and without
    assert f"CloudWatch series: {count} without further dimensions, at most {at_most}" in printed
    assert (
        f"Estimate at the list price of $0.30 per series and month: ${count * 0.3:.2f} to"
        in printed
    )


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(Misconfigured, match="quiet_s = '-1' \\(option --quiet-s\\)"):
        _printed("--quiet-s", "-1")


@pytest.mark.slow
def test_a_terminal_gets_a_table_that_fits_it() -> None:
    leader, follower = pty.openpty()
    environ = {**os.environ, "COLUMNS": "72", "TERM": "xterm"}
    program = subprocess.Popen(
        [sys.executable, "-m", "worker", "config"], stdout=follower, env=environ
    )
    os.close(follower)
    printed = b""
    try:
        while chunk := os.read(leader, 65_536):
            printed += chunk
    except OSError:  # how Linux tells that the other end is closed
        pass
    finally:
        os.close(leader)
    assert program.wait(timeout=LONGEST_S) == 0
    table = printed.decode().split("\r\n\r\n")[0]
    assert "Setting" in table
    assert "\x1b[" in table
    plain = [_without_colours(line) for line in table.splitlines()]
    assert max(map(len, plain)) <= 72


def _without_colours(line: str) -> str:
    head, *rest = line.split("\x1b[")
    return head + "".join(part.partition("m")[2] for part in rest)
