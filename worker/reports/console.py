"""The one console on which commands print: it shows text as it is, and lets none of it act.

Markup, emoji codes and highlighting are off, since text from events is printed; what could steer
the terminal is escaped, and what its encoding lacks is replaced.
"""

from __future__ import annotations

import io
from typing import IO, Any, Final

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from worker.printable import escaped

_PIPE_WIDTH: Final = 160
_UNBOUNDED: Final = 10_000
_PLAINER: Final = {ord("–"): "-", ord("…"): "..."}


class _PlainConsole(Console):
    """All text comes through ``render_str``: that of lines, cells, headers and titles."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(self._fit(escaped(text)), **options)

    def _fit(self, text: str) -> str:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return text.translate(_PLAINER).encode(self.encoding, "replace").decode(self.encoding)
        return text


def console(stream: IO[str]) -> Console:
    """A console that doesn't fold tables where nobody sees the width."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # of what the console adds: borders, and where it cuts
    return _PlainConsole(
        file=stream,
        markup=False,
        emoji=False,
        highlight=False,
        width=None if stream.isatty() else _PIPE_WIDTH,
    )


def print_table(out: Console, table: Table) -> None:
    """Print a table, its columns close together if it is too wide otherwise."""
    unbounded = out.options.update(max_width=_UNBOUNDED)
    if Measurement.get(out, unbounded, table).maximum > out.width:
        table.padding = 0
    out.print(table)
