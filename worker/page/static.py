"""The page's static files in the package. Shell: it reads them."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

INDEX: Final = "index.html"
STYLES: Final = ("uPlot.min.css", "app.css")
SCRIPTS: Final = (
    *("uPlot.iife.min.js", "parts.js", "charts.js", "fleet.js", "compare.js", "sessions.js"),
    *("lanes.js", "turns.js", "call.js", "main.js"),
)
"""The scripts, in the order in which the page runs them."""


def static_files() -> dict[str, str]:
    """The text of each file that makes up the page, by name."""
    folder = files("worker.page") / "static"
    return {
        name: (folder / name).read_text(encoding="utf-8") for name in (INDEX, *STYLES, *SCRIPTS)
    }
