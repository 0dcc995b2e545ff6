"""In a real browser: a platform's calls are judged by its targets, and those of several by none."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.page.browser import Browser, written
from tests.page.calls import records
from tests.page.test_in_browser import call_address
from worker.monitoring.deployment import Deployment
from worker.monitoring.targets import targets_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("theirs", [0, 20, 60])
def test_a_platforms_calls_are_judged_by_its_own_targets_and_calls_of_several_by_none(
    browser: Browser, tmp_path: Path, theirs: int
) -> None:
    some = [replace(one, platform="pinecall") for one in records()[:theirs]] + records()[theirs:]
    address, _ = written(tmp_path, some)
    browser.do("open", url=address)
    drawn = browser.evaluate("['CallerWait', 'SttLatency'].map(fleetTargets)")
    heads = set(browser.texts("th.ruler"))
    rows = browser.texts("[aria-label='Wait by platform'] tbody th")
    said = browser.texts("main .platforms")
    if theirs == 20:
        assert (drawn, heads) == ([[], []], {"median to p95"})
        assert not browser.texts("main .ruler .target")
        assert set(rows) == {"pinecall", "twilio"}
        assert "no targets are drawn" in said[0]
    else:
        gap = [1385, 1600] if theirs else [885, 1100]
        assert drawn == [gap, [350, 500]]
        assert f"{gap[0]:,} ┊ {gap[1]:,}" in heads
        assert not rows
        assert not said
    for platform, limit in (("pinecall", 1600), ("twilio", 1100)):
        of_it = [one for one in some if one.platform == platform]
        if of_it:
            sid = of_it[0].session_id
            browser.do("go", hash=call_address(browser, sid), wait=".turns")
            hot = browser.evaluate(
                "[...document.querySelectorAll('.turns .lbl.hot')].map(one => one.textContent)"
            )
            every = [int(one.replace(",", "")) for one in browser.texts(".turns .lbl")]
            assert [int(one.replace(",", "")) for one in hot] == [ms for ms in every if ms > limit]
    browser.do("open", url=f"{address}#sessions")
    marked = browser.evaluate(
        "[...document.querySelectorAll('.vt tr.link')].map(row =>"
        " [row.cells[2].textContent, row.cells[2].className, row.cells[0].textContent])"
    )
    platforms = {one.session_id: one.platform for one in some}
    for text, kind, sid in marked:
        if text != "–":
            limit = 1600 if platforms[sid] == "pinecall" else 1100
            assert ("hot" in kind) == (int(text.replace(",", "")) > limit)


def test_the_pages_targets_are_those_of_dashboards_and_alarms(browser: Browser, url: str) -> None:
    browser.do("open", url=url)
    for platform in ("twilio", "pinecall"):
        of_it = targets_of(Deployment("n", "o", platform=platform))
        assert browser.evaluate(f"TARGETS.{platform}") == {
            name: [*target] for name, target in of_it.items()
        }
