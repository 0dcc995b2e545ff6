"""``voice-insights bridge pinecall``: from Pinecall's call logs to a stream, or from files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from worker.cli.parameters import CompressionName, compress_option, compression_of
from worker.cli.pinecall_access import require_libraries
from worker.cli.settings_options import some_settings_options
from worker.errors import Misconfigured
from worker.recordings.writer import write_recording
from worker.settings.bridge import SHARED, BridgeSettings
from worker.settings.model import Settings
from worker.settings.sources import load_settings


@click.command("pinecall")
@click.option(
    "--into", metavar="STREAM", help="Kinesis stream to put events into.  [default: the stream set]"
)
@click.option(
    "--from", "source", metavar="PATH", help="Read saved logs instead: a file, or a folder of such."
)
@click.option("--out", metavar="RECORDING", help="With --from: write a recording into this folder.")
@compress_option
@some_settings_options(*BridgeSettings.model_fields, *SHARED)
def pinecall(
    into: str | None,
    source: str | None,
    out: str | None,
    compress: CompressionName,
    config_file: Path | None,
    **options: str | None,
) -> None:
    """Bridge Pinecall's calls onto the worker's stream, until asked to stop.

    It finds calls, follows the log of each, and puts what the worker counts: times, durations,
    names of providers and tools. Neither words, nor numbers, nor names of people leave it. It
    puts at least once and always under the same ids, so the worker drops repeats; what it
    remembers is in --pinecall-checkpoint, and a bridge that starts again goes on from there.

    A call that has begun before the worker would take it (--expire-after-s, less a sixth and at
    most an hour) is written into a recording at --pinecall-expired, for `voice-insights replay`.

    It needs the extra `pinecall` (in a checkout: pip install '.[pinecall]'), an account name of
    your choice, and a key with the scope `calls` in PINECALL_API_KEY, or PINECALL_SECRET_ID, the
    name or ARN of a secret in AWS Secrets Manager that holds it. The key is never an argument:
    whatever is typed stays in the shell's history.

    SIGTERM or Ctrl-C ends it within --shutdown-s. A second signal ends it at once, which is safe
    too. With --from and --out it works on saved logs, streams or pages, or on frames of the
    vendor's SDK, and ends; files of one call are read in the order of their names.

    \b
    Examples:
      voice-insights bridge pinecall --into my-stream --pinecall-account my-org
      voice-insights bridge pinecall --from saved/ --out calls --pinecall-account my-org
    """
    if (source is None) != (out is None):
        raise click.UsageError("--from PATH and --out RECORDING go together")
    if source is not None and into is not None:
        raise click.UsageError("give either --into STREAM or --from PATH")
    require_libraries()
    loaded = load_settings(
        {**options, **({} if into is None else {"stream": into})}, os.environ, config_file
    )
    account = _account(loaded.settings)
    if source is None:
        from worker.cli.bridge_live import run_bridge

        sys.exit(run_bridge(loaded.settings, loaded.require_stream(), account))
    if out is not None:
        _convert(source, out, account, compress)


def _account(settings: Settings) -> str:
    if settings.pinecall_account is None:
        raise Misconfigured(
            "pinecall_account is not set: give --pinecall-account, or "
            "VOICE_INSIGHTS_PINECALL_ACCOUNT; it is a name of your choice for the organisation at "
            "Pinecall, and part of the key of its sessions"
        )
    return settings.pinecall_account


def _convert(source: str, out: str, account: str, compress: CompressionName) -> None:
    from worker.pinecall.offline import SavedCalls
    from worker.pinecall.saved import files_at

    found = SavedCalls(account).records(files_at(source))
    count = write_recording(out, found.records, compression_of(compress))
    skipped = "".join(f", {number:,} left out ({why})" for why, number in found.skipped.items())
    click.echo(f"{count:,} records of {found.calls:,} calls in {out}{skipped}", err=True)
