"""The static files: vendored ones are as they came, and none does what a page must not."""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.resources import files

import pytest

from worker.page.static import INDEX, SCRIPTS, STYLES, static_files

FOLDER = files("worker.page") / "static"
OWN = [name for name in SCRIPTS if not name.startswith("uPlot")]
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|style=|"
    r"setAttribute\('style|https?://(?!www\.w3\.org)|XMLHttpRequest|import\(|</script"
)
MOST_LINES = 250


def test_vendored_files_have_the_digests_that_are_written_down() -> None:
    told = re.findall(r"`(uPlot\S+)` .* `([0-9a-f]{64})`", (FOLDER / "VENDORED.md").read_text())
    assert {name for name, _ in told} == {"uPlot.iife.min.js", "uPlot.min.css"}
    for name, digest in told:
        assert sha256((FOLDER / name).read_bytes()).hexdigest() == digest
    assert "MIT" in (FOLDER / "LICENSE.uPlot").read_text()


def test_the_page_links_to_every_file_in_the_order_in_which_it_is_listed() -> None:
    index = static_files()[INDEX]
    assert tuple(re.findall(r'href="page/([\w.]+)"', index)) == STYLES
    assert tuple(re.findall(r'<script src="page/([\w.]+)">', index)) == SCRIPTS
    present = {one.name for one in FOLDER.iterdir() if one.name.endswith((".js", ".css", ".html"))}
    assert present == {INDEX, *STYLES, *SCRIPTS}


@pytest.mark.parametrize("name", OWN)
def test_a_script_is_strict_short_and_writes_texts_as_texts(name: str) -> None:
    text = static_files()[name]
    assert text.startswith("'use strict';\n")
    assert len(text.splitlines()) <= MOST_LINES
    assert FORBIDDEN.findall(text) == []


def test_only_the_live_page_asks_for_anything_and_only_below_its_own_address() -> None:
    asked = {name: re.findall(r"fetch\((.{20})", text) for name, text in static_files().items()}
    assert {name: found for name, found in asked.items() if found and name in OWN} == {
        "live.js": ["`page/data/${path}`,"]
    }
