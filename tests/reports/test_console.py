"""Text on the console is shown as it is, acts on nothing, and suits any encoding."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from worker.printable import STEERING, escaped
from worker.reports.console import console, print_table

ENCODINGS = ["utf-8", "ascii", "latin-1", "cp1252", "koi8-r"]


def printed(text: str, encoding: str, *, table: bool) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="")
    out = console(stream)
    out.width = 10_000
    if table:
        cells = Table(text, title=text)
        cells.add_row(text)
        print_table(out, cells)
    else:
        out.print(text)
    stream.flush()
    return raw.getvalue().decode(encoding)


TEXTS = [
    "[/b]",
    "[timeout] no answer from [app-1]",
    ":warning: code:x: [link=http://evil.example/]click[/link]",
    "\x1b]0;title\x1b\\\x1b[31mRED\x1b[2Jgone",
    "[bold red blink]URGENT call[/]",
    "\u202egnp.exe\u200b",
]


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_markup_and_escapes_are_text_like_any_other(text: str, *, table: bool) -> None:
    shown = printed(text, "utf-8", table=table)
    assert shown.count(escaped(text)) == (3 if table else 1)
    assert STEERING.search(shown) is None


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(st.text(max_size=20))
def test_any_text_can_be_printed_in_any_encoding(encoding: str, text: str) -> None:
    for table in (False, True):
        assert STEERING.search(printed(text, encoding, table=table).replace("\r", "")) is None


def test_what_an_encoding_lacks_leaves_a_table_in_shape() -> None:
    lines = printed("a\u2013b \u00e9", "ascii", table=True).splitlines()
    assert lines[0].strip() == "a-b ?"
    assert len({len(line) for line in lines[1:]}) == 1
