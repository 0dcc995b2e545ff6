"""Pictures of the page: ``python -m tests.page.pictures FOLDER [--all]``.

Of a day of simulated calls with an incident in it, the same one each time. Two pictures, which the
README shows; with ``--all`` every view, light and dark, on a phone and on paper, and what a running
worker serves.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from heapq import merge
from itertools import takewhile
from pathlib import Path
from typing import Final

from tests.page.browser import EVERYTHING, Browser, browsing, written
from tests.page.calls import Replayed
from tests.page.feeding import FedPage, commits_of, served
from worker.outbox.entries import DeliveryOutcome, Entry
from worker.sessions.schema import SessionRecord
from worker.testing.habits import Habits
from worker.testing.traffic import Traffic, simulated_records
from worker.times.minutes import MINUTE

_START: Final = 1_796_038_200_000  # 2026-11-30T11:30:00Z
_USUAL: Final = Traffic(sessions=900, spread_s=240 * 60, start_ms=_START, lost=0.004)
_INCIDENT: Final = Traffic(
    sessions=130,
    spread_s=25 * 60,
    start_ms=_START + 130 * MINUTE,
    habits=Habits(tool_delays=0.6, silences=0.3),
)
INCIDENT_MS: Final = (_START + 130 * MINUTE, _START + 160 * MINUTE)
"""From its first call until its last ones have ended."""
_CALL: Final = (
    "DATA.sessions.sid[worstSessions().find(i => DATA.sessions.turns[i] > 6"
    " && DATA.sessions.missing[i] && DATA.sessions.interruptions[i])]"
)


def incident() -> list[SessionRecord]:
    """Four hours of calls; in 25 minutes of them the application is slow."""
    return [
        record
        for traffic, seed in ((_USUAL, 7), (_INCIDENT, 8))
        for record in Replayed(simulated_records(traffic, seed)).records
    ]


def take(browser: Browser, url: str, folder: Path, scheme: str, *, prefix: str = "page-") -> None:
    """All views in one colour scheme."""
    browser.do("open", url=url, scheme=scheme)
    browser.do("screenshot", path=str(folder / f"{prefix}fleet.png"))
    sid = browser.evaluate(_CALL)
    browser.do("go", hash=f"#call/{sid}", wait=".lanes")
    browser.do("screenshot", path=str(folder / f"{prefix}call.png"))


def live(browser: Browser, folder: Path) -> None:
    """What a running worker serves in the middle of the incident, and its pipeline."""
    fed = FedPage()
    usual = replace(_USUAL, sessions=150, spread_s=40 * 60, start_ms=_START + 110 * MINUTE)
    records = merge(
        simulated_records(replace(usual, malformed=0.004), 7),
        simulated_records(_INCIDENT, 8),
        key=lambda record: record.arrival,
    )
    until = _START + 150 * MINUTE
    fed.feed(takewhile(lambda one: (one.stream_time or 0) < until, commits_of(records)))
    for kind in ("metrics", "records"):
        for _ in range(40):
            fed.page.sent(Entry(1, kind, b"", 0, 1, 0), DeliveryOutcome.APPLIED, "")
    with served(fed.page) as url:
        for scheme in ("light", "dark"):
            browser.do("open", url=url, scheme=scheme)
            browser.do("screenshot", path=str(folder / f"live-fleet-{scheme}.png"))
            browser.do("go", hash="#pipeline", wait=".outcomes")
            browser.do("screenshot", path=str(folder / f"live-pipeline-{scheme}.png"))
        browser.do("open", url=url, width=390, height=800)
        browser.do("screenshot", path=str(folder / "live-phone-fleet.png"))
        browser.do("go", hash="#pipeline", wait=".outcomes")
        browser.do("screenshot", path=str(folder / "live-phone-pipeline.png"))


def main() -> None:
    """Writes the pictures."""
    folder, everything = Path(sys.argv[1]), "--all" in sys.argv
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, browsing() as browser:
        url, _ = written(Path(scratch), incident(), EVERYTHING._replace(source="recording"))
        take(browser, url, folder, "light")
        if everything:
            live(browser, folder)
            take(browser, url, folder, "dark", prefix="dark-")
            for scheme in ("light", "dark"):
                browser.do("open", url=f"{url}#sessions", scheme=scheme)
                path = str(folder / f"sessions-{scheme}.png")
                browser.do("screenshot", path=path, full=False)
            browser.do("pdf", path=str(folder / "sessions.pdf"))
            browser.do("open", url=url, width=390, height=800)
            browser.do("screenshot", path=str(folder / "phone.png"))


if __name__ == "__main__":
    main()
