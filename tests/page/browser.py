"""A real browser for tests of the page, driven by ``drive.mjs``."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from tests.processes import LONGEST_S, ROOT
from worker.page.data import ReportScope, TimeSpan, data_of
from worker.page.report import render_report
from worker.page.static import INDEX, static_files
from worker.sessions.schema import SessionRecord

_PACKAGES: Final = ROOT / ".venv-page"
_DRIVER: Final = ROOT / "tests" / "page" / "drive.mjs"
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
EVERYTHING: Final = ReportScope(TimeSpan(None, None), None, None, "records", redact=False)


def lacking() -> str | None:
    """What this machine lacks, in a line; None if there is a browser and all it is driven with."""
    if not any(map(shutil.which, _NAMES)):
        return "there is no Chromium"
    if not shutil.which("node") or not (_PACKAGES / ".ready").exists():
        return "the page's tests are not set up; make test does it, or tests/page/setup.sh"
    return None


class Browser:
    """``do`` gives what the driver's action of that name gives, or fails with its error."""

    def __init__(self, asked: IO[str], answered: IO[str]) -> None:
        self._asked = asked
        self._answered = answered

    def do(self, name: str, **options: Any) -> Any:
        """One action of the driver."""
        self._asked.write(json.dumps({"do": name, **options}) + "\n")
        self._asked.flush()
        answer = json.loads(self._answered.readline())
        assert "error" not in answer, f"{name}: {answer['error']}"
        return answer["value"]

    def evaluate(self, code: str) -> Any:
        """The value of an expression in the page."""
        return self.do("evaluate", code=code)

    def until(self, code: str) -> None:
        """Waits until an expression in the page is true."""
        self.do("until", code=code, seconds=LONGEST_S)

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that a selector finds."""
        found: list[str] = self.evaluate(
            f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.textContent)"
        )
        return found


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser, as a process of its own that ends with this."""
    executable = next(filter(None, map(shutil.which, _NAMES)))
    with subprocess.Popen(
        ["node", _DRIVER, _PACKAGES, executable],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as driver:
        assert driver.stdin is not None
        assert driver.stdout is not None
        try:
            yield Browser(driver.stdin, driver.stdout)
        finally:
            driver.stdin.close()


def written(
    folder: Path,
    records: Iterable[SessionRecord],
    scope: ReportScope = EVERYTHING,
    counters: Mapping[str, int] | None = None,
) -> tuple[str, Path]:
    """A report of some records: its URL, and the file."""
    data = data_of(records, scope, counters)
    path = folder / "report.html"
    html = render_report(static_files(), INDEX, msgspec.json.encode(data.whole), data.calls)
    path.write_text(html, encoding="utf-8")
    return path.as_uri(), path
