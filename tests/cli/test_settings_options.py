"""What help and the shell say of a setting's values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from pydantic import ValidationError

from tests.processes import run
from worker.cli.main import cli
from worker.cli.settings_options import choices_of
from worker.settings.fleet import FleetSettings
from worker.settings.model import Settings

CHOSEN = [name for name in Settings.model_fields if choices_of(name)]


def offered(*words: str) -> list[tuple[str, str]]:
    """What the shell would offer after these words, the last of which is unfinished."""
    shell = ShellComplete(cli, {}, "voice-insights", "_VOICE_INSIGHTS_COMPLETE")
    items = shell.get_completions(list(words[:-1]), words[-1])
    return [(item.type, item.value) for item in items]


def taken(name: str, value: Any) -> bool:
    try:
        Settings.model_validate({"otlp_endpoint": "http://127.0.0.1:4318", name: value})
    except ValidationError:
        return False
    return True


def test_settings_of_few_words_are_known() -> None:
    assert {"sink", "start", "log_level", "log_format", "own_metrics", "on_ambiguous"} <= set(
        CHOSEN
    )


@pytest.mark.parametrize("name", CHOSEN)
def test_a_settings_words_are_in_help_and_offered_and_taken(name: str) -> None:
    flag = f"--{name.replace('_', '-')}"
    command = ("fleet", "run") if name in FleetSettings.model_fields else ("run",)
    helped = CliRunner().invoke(cli, [*command, "--help"], terminal_width=200).stdout
    words = choices_of(name)
    assert f"{flag} [{'|'.join(words)}" in helped
    assert offered(*command, flag, "") == [("plain", word) for word in words]
    assert offered(*command, flag, words[0][:2].upper())[0] == ("plain", words[0])
    assert all(taken(name, word) for word in words)
    assert not taken(name, "something else")


@pytest.mark.parametrize("name", ["stream", "hold_turn_s", "max_series", "region"])
def test_of_a_setting_that_takes_anything_nothing_is_offered(name: str) -> None:
    assert offered("run", f"--{name.replace('_', '-')}", "") == []


@pytest.mark.parametrize("flag", ["--state", "--records", "--dead-letters", "--config"])
def test_files_are_offered_for_a_place(flag: str) -> None:
    assert offered("run", flag, "my") == [("file", "my")]


def test_commands_and_where_to_begin_are_offered() -> None:
    assert ("plain", "forget") in offered("fo")
    assert offered("record", "--from", "l") == [("plain", "latest")]


def test_a_choice_may_be_written_as_one_likes_and_a_wrong_one_is_told_by_its_option() -> None:
    assert CliRunner().invoke(cli, ["config", "--sink", "EMF"]).exit_code == 0
    wrong = CliRunner().invoke(cli, ["config", "--sink", "paper"])
    assert not isinstance(wrong.exception, click.Abort)
    assert "--sink" in str(wrong.exception)


@pytest.mark.slow
def test_the_shell_itself_asks_the_program(tmp_path: Path) -> None:
    asked = {"_VOICE_INSIGHTS_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
    done = run(cwd=tmp_path, env={**asked, "COMP_WORDS": "voice-insights run --sink c"})
    assert done.stdout == "plain,cloudwatch\n"
