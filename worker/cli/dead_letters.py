"""``voice-insights dead-letters``: occurrences that could not be counted, and their redrive."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from time import monotonic, sleep, time
from typing import NamedTuple

import click
import msgspec
from rich.console import JustifyMethod
from rich.table import Table

from worker.cli.kinesis import aws_options, kinesis_client
from worker.cli.progress import Progress
from worker.destinations.objects import DEAD_LETTERS
from worker.errors import BadInput
from worker.events.decode import decode
from worker.events.occurrence import Damaged
from worker.opening import Locations, is_one_file
from worker.partition.dead_letters import TOO_LATE, DeadLetter, OccurrenceLetter, decode_letter
from worker.printable import escaped, escaped_json, escaped_line
from worker.producer.put_records import Clock, reingest
from worker.reports.console import console
from worker.stream.record import Record


class FoundLetter(NamedTuple):
    """A dead letter, its file or object, its line number there, and the line's bytes."""

    file: str
    number: int
    letter: DeadLetter
    line: bytes


class _Latest(NamedTuple):
    """Where the latest dead letter with a reason is, without its bytes."""

    file: str
    number: int
    arrived: str
    shard: str | None


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at dead letters, and put them back into a stream once they can be read.

    A dead letter is an occurrence that can't be counted: it is not JSON, names no session, has
    no time, or belongs to a session that the worker no longer keeps. It is stored with its
    reason, its position in the stream and its bytes. The bytes are exactly what the platform
    sent, so protect them as you protect the stream.

    PLACE is the file that the worker writes dead letters to, or s3://bucket/prefix, which may be
    narrowed to a day or an hour: s3://bucket/prefix/dead-letters/dt=2026-10-02/hour=12. Objects
    are read one at a time.
    """


@dead_letters.command("list", short_help="Count dead letters by reason.", no_args_is_help=True)
@click.argument("place")
@click.option("--json", "as_json", is_flag=True, help="Print a list of JSON objects.")
@aws_options
def list_letters(
    place: str, *, as_json: bool, endpoint_url: str | None, region: str | None
) -> None:
    """Count the dead letters at PLACE by reason, and show where the latest with each reason is."""
    counts: Counter[str] = Counter()
    latest: dict[str, _Latest] = {}
    for file, number, letter, _ in _letters(place, region, endpoint_url):
        shard = letter.shard if isinstance(letter, OccurrenceLetter) else None
        counts[letter.reason] += 1
        latest[letter.reason] = _Latest(file, number, letter.time, shard)
    if as_json:
        click.echo(_as_json(counts, latest))
        return
    table = Table(title=f"{counts.total():,} dead letters", title_justify="left", box=None)
    for column in ("letters", "reason", "latest: line", "arrived", "shard"):
        justify: JustifyMethod = "right" if column == "letters" else "left"
        table.add_column(column, justify=justify, overflow="fold")
    for reason, count in counts.most_common():
        _, number, arrived, shard = latest[reason]
        cells = map(escaped_line, (reason, str(number), arrived, shard or ""))
        table.add_row(f"{count:,}", *cells)
    console(sys.stdout).print(table)
    if not is_one_file(place):
        click.echo("\nThe latest with each reason, by object and line, as `show` takes them:")
        for reason, _ in counts.most_common():
            click.echo(escaped_line(f"{latest[reason].file} {latest[reason].number}  {reason}"))


@dead_letters.command(short_help="Show one dead letter in full.", no_args_is_help=True)
@click.argument("file")
@click.argument("line", type=click.IntRange(1))
@aws_options
def show(file: str, line: int, endpoint_url: str | None, region: str | None) -> None:
    """Show the dead letter in line LINE of FILE in full; bytes that aren't text are escaped.

    FILE is a file, or an object in a bucket: s3://... as `list` names it. A dead letter may be
    as large as 10 MiB: pipe the output through `less` to read it page by page.
    """
    if not is_one_file(file):
        raise BadInput(
            f"{file} is not an object; `dead-letters list {file}` names the objects below it"
        )
    for found in _letters(file, region, endpoint_url):
        if found.number == line:
            _show(found)
            return
    raise BadInput(f"{file} has no dead letter in line {line}")


@dead_letters.command(short_help="Put dead letters back into a stream.", no_args_is_help=True)
@click.argument("place")
@click.option(
    "--into",
    metavar="STREAM",
    required=True,
    help="Stream to put them into: the one that the worker reads.",
)
@click.option(
    "--reason", metavar="TEXT", default="", help="Only dead letters whose reason contains TEXT."
)
@click.option(
    "--all", "every", is_flag=True, help="Also dead letters that are still unreadable, or expired."
)
@aws_options
def redrive(
    place: str, into: str, reason: str, every: bool, endpoint_url: str | None, region: str | None
) -> None:
    """Put the dead letters at PLACE that can be read by now back into a stream.

    Use it after an upgrade whose decoder reads more, or after repairing a file. It is safe to
    repeat: the worker recognises an event that it has counted by the event's identity. Of dead
    letters with the same bytes only one is put; those that have expired are left out, because
    they would expire again. A dead letter that the stream refuses, for example because it is too
    large, is named and left out, and the exit code is then 1. The dead letters themselves are
    not changed.
    """
    left: Counter[str] = Counter()
    seen: dict[bytes, str] = {}

    def chosen() -> Iterator[Record]:
        for found in _letters(place, region, endpoint_url):
            letter = found.letter
            if reason not in letter.reason:
                continue
            if not isinstance(letter, OccurrenceLetter):
                left["without an event"] += 1
            elif not every and (why_not := _why_not(letter)):
                left[why_not] += 1
            elif (digest := _digest(letter.data)) in seen:
                left["with the same bytes as another"] += 1
            else:
                seen[digest] = f"{found.file}, line {found.number}"
                yield _record(letter)

    def refused(record: Record, why: str) -> None:
        left[f"refused by {into}"] += 1
        click.echo(escaped_line(f"{seen[_digest(record.data)]}: left out: {why}"), err=True)

    done = reingest(
        chosen,
        into,
        kinesis_client(endpoint_url, region),
        Clock(lambda: int(time() * 1000), sleep),
        progress=Progress("put", monotonic),
        refused=refused,
    )
    whys = ", ".join(f"{count:,} {why}" for why, count in left.most_common())
    rest = f"{left.total():,} left: {whys}" if whys else "none left"
    click.echo(f"{done.put:,} dead letters put into {into}, {rest}")
    sys.exit(1 if done.refused else 0)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _as_json(counts: Counter[str], latest: dict[str, _Latest]) -> str:
    """The reasons as JSON, the most frequent first, each with its latest dead letter."""
    rows = []
    for reason, count in counts.most_common():
        file, number, arrived, shard = latest[reason]
        of_latest = {"file": file, "line": number, "time": arrived, "shard": shard}
        rows.append({"reason": reason, "letters": count, "latest": of_latest})
    return escaped_json(json.dumps(rows, indent=2))


def _show(found: FoundLetter) -> None:
    letter = found.letter
    if not isinstance(letter, OccurrenceLetter):
        click.echo(_as_text(found.line))
        return
    sub = "" if letter.sub_sequence is None else f", sub-record {letter.sub_sequence}"
    place = f"{letter.shard}, sequence number {letter.sequence_number}{sub}"
    for name, text in (("reason", letter.reason), ("arrived", letter.arrival), ("from", place)):
        click.echo(escaped_line(f"{name:7}  {text}"))
    click.echo(f"size     {len(letter.data):,} bytes\n")
    click.echo(_as_text(letter.data))


def _as_text(data: bytes) -> str:
    r"""Text that is safe to print; bytes that aren't text are written as ``\xNN``."""
    return escaped(data.decode("utf-8", "backslashreplace"))


def _letters(place: str, region: str | None, endpoint: str | None) -> Iterator[FoundLetter]:
    """The dead letters of a place. A line that is not one, such as a line torn by a crash, is
    reported and skipped; if the first line is not one, nothing in the place is taken to be.

    Raises ``BadInput``, which names the line, for such a first line, and for a dead letter of a
    version that this release doesn't know.
    """
    any_yet = False
    for file, number, line in Locations(region, endpoint).lines(place, DEAD_LETTERS):
        try:
            letter = decode_letter(line)
        except BadInput as error:
            raise BadInput(f"{file}, line {number}: {error}") from error
        except msgspec.DecodeError as error:
            why = f"{file}, line {number}: not a dead letter ({error})"
            if not any_yet:
                raise BadInput(why) from error
            click.echo(escaped_line(f"{why}; skipped"), err=True)
            continue
        any_yet = True
        yield FoundLetter(file, number, letter, line)


def _why_not(letter: OccurrenceLetter) -> str | None:
    """The reason why the worker would only reject a dead letter again; None if it would not."""
    if letter.reason == TOO_LATE:
        return "expired"
    arrival = int(time() * 1000)
    record = Record(letter.shard, letter.sequence_number, arrival, letter.data, "")
    damaged = any(isinstance(one.occurrence, Damaged) for one in decode(record))
    return "still unreadable" if damaged else None


def _record(letter: OccurrenceLetter) -> Record:
    return Record(letter.shard, letter.sequence_number, 0, letter.data, letter.sequence_number)
