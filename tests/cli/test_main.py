"""The command group: what it knows, how it teaches, and how a command ends."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.processes import LONGEST_S, environment, run
from worker import __version__
from worker.cli.main import cli

COMMANDS = cli.list_commands(click.Context(cli))


def helped(*names: str) -> str:
    done = CliRunner().invoke(cli, [*names, "--help"])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_version_is_the_packages() -> None:
    done = CliRunner().invoke(cli, ["--version"])
    assert done.stdout == f"voice-insights, version {__version__}\n"


def test_help_lists_every_command_with_what_it_is_for() -> None:
    for name in COMMANDS:
        assert re.search(rf"^  {name}  +[A-Z]\w+ \w+", helped(), re.MULTILINE)


def test_help_begins_with_how_to_see_it_work() -> None:
    assert "voice-insights demo" in helped()
    assert "voice-insights replay" in helped()


def test_the_short_option_helps_too() -> None:
    assert CliRunner().invoke(cli, ["-h"]).stdout == helped()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_teaches(name: str) -> None:
    text = helped(name)
    sentences = re.findall(r"[A-Z][^.]+\.(?:\s|$)", text.partition("Options:")[0])
    assert len(sentences) > 1 or f"voice-insights {name} " in text.partition("\n")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_each_command_is_explained(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            if "--config" in parameter.opts:
                assert "default: $VOICE_INSIGHTS_CONFIG" in parameter.help


@pytest.mark.parametrize("name", ["dead-letters", "infra"])
def test_what_a_subcommand_is_for_is_never_cut_off(name: str) -> None:
    assert "..." not in helped(name).partition("Commands:")[2]


def test_an_unknown_command_is_refused() -> None:
    done = CliRunner().invoke(cli, ["rum"])
    assert done.exit_code == 2
    assert "rum" in done.stderr


@pytest.mark.slow
def test_as_a_process_it_ends_as_its_commands_say(tmp_path: Path) -> None:
    for arguments, code, told in (
        (["--version"], 0, ""),
        (["rum"], 2, "voice-insights: No such command 'rum'"),
        ([], 2, "Usage: voice-insights "),
        (["infra"], 2, "Usage: voice-insights infra "),
        (["record", "--help"], 0, ""),
        (["replay", "nowhere"], 2, "voice-insights: nowhere: No such file or directory"),
    ):
        done = run(*arguments, cwd=tmp_path)
        assert done.returncode == code
        assert told in done.stderr
        assert "Traceback" not in done.stderr
        assert bool(done.stdout) == (code == 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--what"], "No such option '--what' (see `voice-insights --help`)"),
        (["simulate"], "give either --out FOLDER or --into STREAM"),
        (["simulate", "--out", "r", "--lost", "2"], "'--lost': '2' is not a rate from 0 to 1"),
        (["record", "s"], "Missing option '--out' (see `voice-insights record --help`)"),
        (["infra", "sizing", "many"], "(see `voice-insights infra sizing --help`)"),
    ],
)
def test_a_wrong_command_line_ends_with_one_line_and_2(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"voice-insights: .+ \(see `voice-insights.* --help`\)\n", done.stderr)
    assert told in done.stderr


def test_a_command_goes_through_its_memory_for_cycles_far_less_often_than_python_would() -> None:
    tell = "atexit.register(lambda: print(*gc.get_threshold(), file=sys.stderr))"
    code = f"import atexit, gc, sys; {tell}; from worker.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "schema"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=LONGEST_S,
    )
    newest, *times = map(int, done.stderr.split())
    assert newest >= 5_000  # Python begins with 700, or with 2,000
    assert all(times)


@pytest.mark.parametrize("name", ["config", "health", "schema"])
def test_a_command_that_asks_nobody_loads_neither_clients_nor_stores_nor_sinks(name: str) -> None:
    heavy = (
        *("boto3", "botocore", "urllib3", "sqlite3", "zstandard"),
        *("worker.aws", "worker.objectstore", "worker.state.s3", "worker.state.sqlite"),
        *("worker.destinations.files", "worker.destinations.objects", "worker.opening"),
    )
    script = (
        "import sys\n"
        "from worker.cli.main import cli\n"
        f"cli([{name!r}, '--help'], standalone_mode=False)\n"
        f"sys.exit(str([one for one in {heavy} if one in sys.modules]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert told.stderr == "[]\n"
