"""The page's static files in the package. Shell: it reads them."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from typing import Final, NamedTuple

INDEX: Final = "index.html"
STYLES: Final = ("uPlot.min.css", "app.css")
SCRIPTS: Final = (
    *("uPlot.iife.min.js", "parts.js", "charts.js", "fleet.js", "compare.js", "sessions.js"),
    *("lanes.js", "turns.js", "call.js", "pipeline.js", "live.js", "main.js"),
)
"""The scripts, in the order in which the page runs them."""

_CONTENT_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}


class StaticFile(NamedTuple):
    """A file that makes up the page; ``digest``: the SHA-256 of its text, in hex."""

    text: str
    content_type: str
    digest: str


def static_files() -> dict[str, str]:
    """The text of each file that makes up the page, by name."""
    folder = files("worker.page") / "static"
    return {
        name: (folder / name).read_text(encoding="utf-8") for name in (INDEX, *STYLES, *SCRIPTS)
    }


def served_files() -> dict[str, StaticFile]:
    """Return the files that a server serves, by name."""
    return {
        name: StaticFile(
            text,
            _CONTENT_TYPES[name.rpartition(".")[2]],
            sha256(text.encode()).hexdigest(),
        )
        for name, text in static_files().items()
    }
