"""Ten thousand sessions: only what is in sight is made, and filters and orders are right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.page.browser import EVERYTHING, Browser, written
from tests.page.calls import records
from worker.page.summary import longest_wait
from worker.sessions.schema import SessionRecord

pytestmark = pytest.mark.slow

MANY = 10_000
ROWS_AT_MOST = 45
SIZE_AT_MOST = 3_000_000


def many() -> Iterator[SessionRecord]:
    some = records()
    for n in range(MANY):
        yield replace(some[n % len(some)], session_id=f"VX{n:032x}", call_sid=f"CA{n:032x}")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return written(tmp_path_factory.mktemp("many"), many(), EVERYTHING._replace(calls=500))


def shown(browser: Browser) -> list[str]:
    return browser.texts(".vt tr.link td:first-child")


def test_ten_thousand_sessions_make_few_rows_wherever_the_table_is(
    browser: Browser, report: tuple[str, Path]
) -> None:
    browser.do("open", url=f"{report[0]}#sessions")
    assert report[1].stat().st_size < SIZE_AT_MOST
    for place in (0, 0.3, 0.8, 1):
        browser.evaluate(
            f"(box => {{ box.scrollTop = {place} * box.scrollHeight; }})"
            "(document.querySelector('.vt'))"
        )
        browser.do("go", hash="#sessions")
        assert 20 <= len(shown(browser)) <= ROWS_AT_MOST
    assert browser.evaluate("document.querySelectorAll('*').length") < 2_500
    browser.evaluate(
        "(box => { box.scrollTop = box.scrollHeight; })(document.querySelector('.vt'))"
    )
    browser.do("go", hash="#sessions")
    last = browser.evaluate("[...document.querySelectorAll('.vt tr.link')].at(-1).ariaRowIndex")
    assert last in (None, str(MANY + 1))


def test_words_must_all_match_and_the_number_found_is_told(
    browser: Browser, report: tuple[str, Path]
) -> None:
    browser.do("open", url=f"{report[0]}#sessions")
    browser.do("fill", selector="#find", text="gave up de-DE")
    scope = [
        one
        for one in many()
        if one.abandoned_waits
        and (one.context.tts_language if one.context.tts_language != "unknown" else "") == "de-DE"
    ]
    told = browser.texts("main .sub")[0]
    assert told.startswith(f"{len(scope):,} of {MANY:,} sessions")
    browser.do("fill", selector="#find", text=f"VX{77:032x}")
    assert browser.evaluate("location.hash") == f"#call/VX{77:032x}"


@pytest.mark.parametrize("down", [True, False])
def test_a_column_orders_all_sessions(
    browser: Browser, report: tuple[str, Path], down: bool
) -> None:
    browser.do("open", url=f"{report[0]}#sessions?sort=longest{'' if down else '&down=0'}")
    waits = sorted(
        (wait[0] for one in many() if (wait := longest_wait(one)) is not None), reverse=down
    )
    found = [text.replace(",", "") for text in browser.texts(".vt tr.link td:nth-child(3)")]
    assert found == [str(wait) for wait in waits[: len(found)]]
