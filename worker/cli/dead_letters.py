"""``voice-insights dead-letters``: what could not be read, and giving it another chance."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep, time
from typing import Final

import click
import msgspec
from rich.table import Table

from worker.cli.kinesis import aws_options, kinesis_client
from worker.cli.progress import Progress
from worker.cli.replay_into import Clock, put_back
from worker.errors import BadInput
from worker.events.decode import decode
from worker.events.envelope import Damaged
from worker.observe.tables import console
from worker.stream.record import Record

_SHOWN: Final = 2_000


class Letter(msgspec.Struct):
    """A line of a dead letter file; ``data`` is the occurrence's bytes."""

    reason: str
    shard: str
    sequence_number: str
    sub_sequence: int | None
    arrival: str
    data: bytes


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at dead letters, and put them back once they can be read.

    A dead letter is an occurrence that can't be counted: no JSON, no session, no time, or of a
    session long gone. It is kept with its reason, its place in the stream and its bytes. The
    bytes are as the platform sent them, so treat the file as you treat the stream.
    """


@dead_letters.command("list", no_args_is_help=True)
@click.argument("file", type=click.Path(path_type=Path))
def list_letters(file: Path) -> None:
    """Count the letters in FILE by reason, with where the latest of each is."""
    counts: Counter[str] = Counter()
    latest: dict[str, tuple[int, Letter]] = {}
    for number, letter in _letters(file):
        counts[letter.reason] += 1
        latest[letter.reason] = number, letter
    table = Table(title=f"{counts.total():,} dead letters", title_justify="left", box=None)
    for column in ("letters", "reason", "latest: line", "arrived", "shard"):
        table.add_column(column, justify="right" if column == "letters" else "left")
    for reason, count in counts.most_common():
        number, letter = latest[reason]
        table.add_row(f"{count:,}", reason, str(number), letter.arrival, letter.shard)
    console(sys.stdout).print(table)


@dead_letters.command(no_args_is_help=True)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("line", type=click.IntRange(1))
def show(file: Path, line: int) -> None:
    """Show the letter in line LINE of FILE, its bytes with what isn't text escaped."""
    for number, letter in _letters(file):
        if number == line:
            sub = "" if letter.sub_sequence is None else f", sub-record {letter.sub_sequence}"
            click.echo(f"reason   {letter.reason}\narrived  {letter.arrival}")
            click.echo(f"from     {letter.shard}, sequence number {letter.sequence_number}{sub}")
            click.echo(f"size     {len(letter.data):,} bytes\n")
            click.echo(letter.data[:_SHOWN].decode("utf-8", "backslashreplace"))
            return
    raise BadInput(f"{file} has no dead letter in line {line}")


@dead_letters.command(no_args_is_help=True)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--into", metavar="STREAM", required=True, help="The stream that the worker reads.")
@click.option("--reason", metavar="TEXT", default="", help="Only letters whose reason has TEXT.")
@click.option("--all", "every", is_flag=True, help="Also what this release still can't read.")
@aws_options
def redrive(
    file: Path, into: str, reason: str, every: bool, endpoint_url: str | None, region: str | None
) -> None:
    """Put the letters of FILE that can now be read back into a stream.

    After an upgrade whose decoder reads more, or after a repair of the file. Safe to repeat:
    an event that was counted already is recognised by its identity. FILE is not changed.
    """
    letters = [one for _, one in _letters(file) if reason in one.reason]
    readable = [one for one in letters if every or _is_readable(one)]
    done = put_back(
        lambda: iter([_record(letter) for letter in readable]),
        into,
        kinesis_client(endpoint_url, region),
        Clock(lambda: int(time() * 1000), sleep),
        progress=Progress("put", monotonic),
    )
    left = len(letters) - len(readable)
    click.echo(f"{done.put:,} dead letters put into {into}, {left:,} left: still unreadable")


def _letters(file: Path) -> Iterator[tuple[int, Letter]]:
    """The letters with their line numbers; entries of another kind are passed over."""
    decoder = msgspec.json.Decoder(Letter)
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield number, decoder.decode(line)
                except msgspec.ValidationError:
                    continue
                except msgspec.DecodeError as error:
                    raise BadInput(f"{file}, line {number}: no dead letter ({error})") from error
    except OSError as error:
        raise BadInput(f"can't read {file}: {error.strerror}") from error


def _is_readable(letter: Letter) -> bool:
    arrival = int(time() * 1000)
    record = Record(letter.shard, letter.sequence_number, arrival, letter.data, "")
    return not any(isinstance(one.occurrence, Damaged) for one in decode(record))


def _record(letter: Letter) -> Record:
    return Record(letter.shard, letter.sequence_number, 0, letter.data, letter.sequence_number)
