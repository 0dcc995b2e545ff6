"""Requests that are lines of JSON: session records, and dead letters. Pure.

The requests of files, standard output and objects of a bucket. Readers recognize a line that is
written twice, so repeats do no harm, and lines never grow too old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from worker.outbox.entries import EntryKind
from worker.outbox.ledger import SampleCounts
from worker.partition.commit_outputs import Outputs
from worker.partition.dead_letters import DeadLetter, encode_letter

_BLOCK_BYTES: Final = 1_000_000


class LineBlocks(NamedTuple):
    """A ``RequestFormat``: blocks of about a megabyte, of the lines that ``lines_of`` returns
    without their ends.
    """

    lines_of: Callable[[Outputs], Iterable[bytes]]

    def requests(self, outputs: Outputs) -> Iterator[bytes]:
        """Yield whole lines, in order, in blocks."""
        block = bytearray()
        for line in self.lines_of(outputs):
            block += line + b"\n"
            if len(block) >= _BLOCK_BYTES:
                yield bytes(block)
                block.clear()
        if block:
            yield bytes(block)

    def split(self, body: bytes) -> None:
        """Return None: no sink of lines calls any of them invalid."""

    def too_old(self, body: bytes) -> None:
        """Return None: no sink of lines calls any of them too old."""

    def counts(self, body: bytes) -> SampleCounts:  # noqa: ARG002
        """Return no samples."""
        return ()


def _records(outputs: Outputs) -> Iterator[bytes]:
    return (record.line for record in outputs.records)


def _dead_letters(outputs: Outputs) -> Iterator[bytes]:
    letters: Iterable[DeadLetter] = chain(outputs.dead_letters, outputs.quarantined)
    return map(encode_letter, letters)


RECORD_KIND: Final[EntryKind] = "records"
RECORD_LINES: Final = LineBlocks(_records)
DEAD_LETTER_LINES: Final = LineBlocks(_dead_letters)
