"""The command group. A subcommand's module is imported when it is asked for, not before."""

from __future__ import annotations

import errno
import sys
import threading
from importlib import import_module
from types import TracebackType
from typing import Final, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from worker import __version__
from worker.cli.gc_tuning import tune_collector
from worker.cli.streams import prepare_streams
from worker.errors import VoiceInsightsError
from worker.logs.credentials import without_credentials
from worker.logs.tracebacks import traceback_of
from worker.printable import escaped_line

_COMMANDS: Final = {
    "run": "Consume a stream: the long-running worker.",
    "replay": "Run a recording through the worker's core, or back into a stream.",
    "record": "Write the shards of a live stream into a folder.",
    "simulate": "Make realistic traffic, as a recording or into a stream.",
    "report": "Write calls and the fleet as one HTML file to look at.",
    "calls": "Rank calls by what their callers sat through.",
    "session": "Show one call turn by turn.",
    "state": "Show what the worker's state holds, and copy it.",
    "dead-letters": "Look at what could not be read, and put it back.",
    "forget": "Remove a call from all that the worker keeps.",
    "reconcile": "Compare what was sent with what CloudWatch has.",
    "twilio": "Read calls back from Twilio, verify against it, set up its sink.",
    "config": "Show the settings in force and where each came from.",
    "doctor": "Examine a deployment: permissions, stream, traffic, clock, state.",
    "health": "Ask the worker beside it whether it is alive.",
    "status": "Show how the worker beside it stands, and its worst calls.",
    "infra": "Make dashboard and alarms; tell size and cost.",
    "demo": "See the whole worker at work against an embedded AWS.",
    "schema": "Print the JSON schema of the session record.",
}


class _Lazy(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = name.replace("-", "_")
        command = getattr(import_module(f"worker.cli.{module}"), module)
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="voice-insights")
def cli() -> None:
    """Exact voice-agent latency metrics from Twilio VoiceInsights records on Kinesis.

    \b
    See it work:            voice-insights demo
    Try your own records:   voice-insights replay FOLDER --sessions sessions.jsonl
    Run it:                 VOICE_INSIGHTS_STREAM=my-stream voice-insights run

    Settings are environment variables (VOICE_INSIGHTS_...) or a file voice-insights.toml;
    `voice-insights config` explains each of them.
    """


def main() -> None:
    """Run a command; what it raises on purpose ends it with one line and its exit code."""
    tune_collector()
    prepare_streams()
    sys.excepthook = _tell_defect
    threading.excepthook = _tell_defect_of_thread
    try:
        sys.exit(cli(prog_name="voice-insights", standalone_mode=False))
    except NoArgsIsHelpError as asked:
        asked.show()
        sys.exit(asked.exit_code)
    except click.ClickException as error:
        _end(_in_one_line(error), error.exit_code)
    except VoiceInsightsError as error:
        _end(str(error), error.exit_code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _end(f"can't write the results: {error.strerror}", VoiceInsightsError.exit_code)
    except click.Abort:
        click.echo("Aborted!", err=True)
        sys.exit(1)


def _end(line: str, code: int) -> NoReturn:
    click.echo(escaped_line(f"voice-insights: {without_credentials(line)}"), err=True)
    sys.exit(code)


def _tell_defect(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        click.echo(traceback_of((kind, error, trace)), err=True)


def _tell_defect_of_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and not issubclass(told.exc_type, SystemExit):
        _tell_defect(told.exc_type, told.exc_value, told.exc_traceback)


def _in_one_line(error: click.ClickException) -> str:
    line = " ".join(error.format_message().split()).removesuffix(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{line} (see `{error.ctx.command_path} --help`)"
    return line
