"""The console on which all commands print, which shows text literally.

Markup, emoji codes and highlighting are off, because text from events is printed. Control
characters are escaped, and characters that the terminal's encoding lacks are replaced.
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
    """Escapes all text, of lines, cells, headers and titles, in ``render_str``."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(self._fit(escaped(text)), **options)

    def _fit(self, text: str) -> str:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return text.translate(_PLAINER).encode(self.encoding, "replace").decode(self.encoding)
        return text


def console(stream: IO[str]) -> Console:
    """Make a console; on a pipe it doesn't wrap tables at a terminal's width."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # for the console's own borders and ellipses
    return _PlainConsole(
        file=stream,
        markup=False,
        emoji=False,
        highlight=False,
        width=None if stream.isatty() else _PIPE_WIDTH,
    )


def print_table(out: Console, table: Table) -> None:
    """Print a table, with narrow column gaps if it is too wide otherwise."""
    unbounded = out.options.update(max_width=_UNBOUNDED)
    if Measurement.get(out, unbounded, table).maximum > out.width:
        table.padding = 0
    out.print(table)
