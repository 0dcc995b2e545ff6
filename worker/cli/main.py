"""The command group, which imports a subcommand's module only when that is used."""

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
    "fleet": "Share the work of one stream between several tasks.",
    "replay": "Run a recording through the worker's core, or back into a stream.",
    "bridge": "Put another platform's calls onto the stream: Pinecall's.",
    "record": "Record the shards of a live stream into a folder.",
    "simulate": "Make realistic traffic, as a recording or into a stream.",
    "report": "Write calls and the fleet as one HTML page.",
    "calls": "Rank calls by how badly they went for their callers.",
    "session": "Show one call turn by turn.",
    "state": "Show or copy the worker's state.",
    "dead-letters": "Look at what could not be counted, and put it back.",
    "forget": "Remove a call from everything that the worker stores.",
    "reconcile": "Compare the samples sent with those that CloudWatch has.",
    "twilio": "Read calls back from Twilio, verify records, set up the sink.",
    "config": "Show the settings in force and where each came from.",
    "doctor": "Examine a deployment: permissions, stream, traffic, clock, state.",
    "health": "Check whether the worker on this machine is alive.",
    "status": "Show the worker on this machine, and its worst calls.",
    "infra": "Write the deployment's templates; estimate size and cost.",
    "demo": "Run the whole worker against an embedded AWS.",
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
    Run the worker:         VOICE_INSIGHTS_STREAM=my-stream voice-insights run

    Settings are environment variables (VOICE_INSIGHTS_...) or a file voice-insights.toml;
    `voice-insights config` explains each of them.
    """


def main() -> None:
    """Run a command. An expected error ends it with one line and the error's exit code."""
    tune_collector()
    prepare_streams()
    sys.excepthook = _print_defect
    threading.excepthook = _print_defect_of_thread
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


def _print_defect(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        click.echo(traceback_of((kind, error, trace)), err=True)


def _print_defect_of_thread(thrown: threading.ExceptHookArgs) -> None:
    if thrown.exc_value is not None and not issubclass(thrown.exc_type, SystemExit):
        _print_defect(thrown.exc_type, thrown.exc_value, thrown.exc_traceback)


def _in_one_line(error: click.ClickException) -> str:
    line = " ".join(error.format_message().split()).removesuffix(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{line} (see `{error.ctx.command_path} --help`)"
    return line
