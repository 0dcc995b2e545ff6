"""The page of a running worker in a real browser: what comes, what stays, what must not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest
from msgspec.structs import replace

from tests.page.browser import Browser
from tests.page.calls import LIVELY, records
from tests.page.feeding import FedPage, commits_of, served
from tests.page.test_in_browser import HOSTILE
from tests.telemetry.progresses import progress
from worker.events.event import SessionKey
from worker.partition.commit_outputs import RecordLine
from worker.service.letter_news import LetterNews, LetterOrigin
from worker.service.ports import WorkerStatus
from worker.sessions.record import encode_record
from worker.sessions.schema import ErrorPart, SessionRecord
from worker.testing.traffic import Traffic, simulated_records

pytestmark = pytest.mark.slow

VIEWS = ("#fleet", "#sessions", "#pipeline")
ROWS = "document.querySelectorAll('.vt tr.link').length"
STRANGE = "document.querySelectorAll('main img, main script').length"
KNOWN = "DATA && DATA.sessions.sid.length"


@cache
def commits() -> list[WorkerStatus]:
    traffic = Traffic(sessions=60, spread_s=1800, lost=0.01, malformed=0.01, habits=LIVELY)
    return list(commits_of(simulated_records(traffic, 5)))


def half() -> int:
    """After so many commits half of the sessions have closed."""
    closed = 0
    for number, status in enumerate(commits()):
        closed += len(status.records)
        if closed >= 30:
            return number + 1
    raise AssertionError("too few sessions")


@pytest.fixture
def fed() -> Iterator[tuple[FedPage, str]]:
    """A page that has seen the first half of the calls, and its address."""
    fed = FedPage()
    fed.feed(commits()[: half()])
    with served(fed.page) as url:
        yield fed, url


def asked_again(browser: Browser) -> None:
    """Asks now, and waits for what comes of it."""
    browser.evaluate("turn()")


def test_a_new_session_appears_and_what_is_looked_at_stays_in_place(
    browser: Browser, fed: tuple[FedPage, str]
) -> None:
    page, url = fed
    browser.do("open", url=f"{url}#sessions", height=700)
    known = browser.evaluate(KNOWN)
    browser.evaluate("document.querySelector('.vt').scrollTop = 320")
    browser.do("go", hash="#sessions")
    first = (
        "(box => { const row = [...box.querySelectorAll('tr.link')]"
        ".find(one => one.getBoundingClientRect().top >= 0 && one.offsetTop >= box.scrollTop);"
        " return [row.cells[0].textContent, row.offsetTop - box.scrollTop]; })"
        "(document.querySelector('.vt'))"
    )
    before = browser.evaluate(first)
    browser.evaluate("document.querySelector('th button.sort').focus({ preventScroll: true })")
    page.feed(commits()[half() :])
    asked_again(browser)
    assert browser.evaluate(KNOWN) > known
    assert browser.evaluate(ROWS) > 0
    assert browser.evaluate(first) == before
    assert browser.evaluate("document.activeElement.textContent") == "Session"
    found = {one["sid"] for one in page.data("sessions.json")["rows"]}
    assert set(browser.evaluate("DATA.sessions.sid")) == found


def test_what_has_not_changed_is_not_sent_again(browser: Browser, fed: tuple[FedPage, str]) -> None:
    page, url = fed
    browser.do("open", url=f"{url}#sessions")
    browser.evaluate(
        "(ask => { window.statuses = []; window.fetch = async (...all) => {"
        " const answer = await ask(...all); statuses.push(answer.status);"
        " return answer; }; })(fetch)"
    )
    known = browser.evaluate(KNOWN)
    asked_again(browser)
    asked_again(browser)
    assert set(browser.evaluate("statuses.slice(-2)")) == {304}
    assert browser.evaluate(KNOWN) == known
    page.feed(commits()[half() :])
    browser.until(f"({KNOWN}) > {known}")
    assert 200 in browser.evaluate("statuses")


def test_a_zoom_and_marked_text_outlast_what_comes(
    browser: Browser, fed: tuple[FedPage, str]
) -> None:
    page, url = fed
    browser.do("open", url=url)
    zoom = "(({ min, max }) => [min, max])(shownCharts[0][1].scales.x)"
    browser.evaluate(
        "(at => zoomTo({ min: at + 600, max: at + 1800 }))(DATA.fleet.start / 1000 + 600)"
    )
    zoomed = browser.evaluate(zoom)
    page.feed(commits()[half() : half() + 5])
    asked_again(browser)
    assert browser.evaluate(zoom) == zoomed
    browser.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
    marked = browser.evaluate("String(getSelection())")
    page.feed(commits()[half() + 5 :])
    asked_again(browser)
    assert browser.evaluate("String(getSelection())") == marked
    sessions = browser.texts(".tile .num")[0]
    browser.evaluate("getSelection().removeAllRanges()")
    browser.until(f"document.querySelector('.tile .num').textContent !== '{sessions}'")


def test_the_pipelines_bar_is_full_and_its_letters_have_no_bytes(
    browser: Browser, fed: tuple[FedPage, str]
) -> None:
    page, url = fed
    browser.do("open", url=f"{url}#pipeline")
    browser.until("document.querySelector('.outcomes') !== null")
    counted = page.data("pipeline.json")
    assert browser.texts(".chip.good, .chip.bad")[0] == "every occurrence accounted for"
    shown = browser.texts(".legend")[0]
    for label, count in counted["occurrences"]["parts"]:
        assert f"{label} {count:,}" in shown
    assert (
        sum(count for _, count in counted["occurrences"]["parts"])
        == (counted["occurrences"]["read"])
    )
    rows = browser.evaluate(
        "document.querySelectorAll('table[aria-label=\"The last dead letters\"] tbody tr').length"
    )
    assert rows == len(counted["letters"]) > 0
    assert set(counted["letters"][0]) == {"reason", "place", "time"}


def test_nobody_is_asked_often_who_does_not_answer_or_is_not_looked_at(
    browser: Browser, fed: tuple[FedPage, str]
) -> None:
    browser.do("open", url=fed[1])
    pauses = browser.evaluate("[0, 1, 2, 3, 4, 5, 99].map(failures => pauseOf(failures, false))")
    assert pauses == [5000, 5000, 10000, 20000, 40000, 60000, 60000]
    assert browser.evaluate("pauseOf(0, true)") == 60000


@pytest.mark.parametrize("width", [390, 1440])
def test_a_worker_that_is_gone_is_told_of_at_any_width(browser: Browser, width: int) -> None:
    fed = FedPage()
    fed.feed(commits()[: half()])
    with served(fed.page) as url:
        browser.do("open", url=url, width=width, height=800)
    browser.evaluate("turn()")
    assert browser.evaluate("document.getElementById('state').checkVisibility()")
    assert browser.texts("#state")[0].startswith("no answer since ")
    assert len(browser.texts(".tile")) == 6
    assert browser.evaluate("document.documentElement.scrollWidth") == width


def test_a_call_that_is_open_is_shown_as_it_stands(browser: Browser) -> None:
    one = replace(records()[0], close_reason="end_of_input")
    fed = FedPage(lambda sid: [one] if sid in (one.session_id, one.call_sid) else [])
    fed.feed(commits()[:3])
    with served(fed.page) as url:
        browser.do("open", url=url)
        browser.do("fill", selector="#find", text=one.call_sid)
        assert browser.evaluate("location.hash") == f"#call/{one.call_sid}"
        browser.until("document.querySelector('.lanes') !== null")
        assert "It is open" in browser.texts("main .sub")[0]
        browser.do("go", hash=f"#call/VX{'0' * 32}")
        browser.until("document.querySelector('h1').textContent === 'No such call'")


def test_it_asks_its_own_origin_only_and_its_policy_is_in_force(
    browser: Browser, fed: tuple[FedPage, str]
) -> None:
    _, url = fed
    browser.do("open", url=url)
    for view in VIEWS:
        browser.do("go", hash=view)
    asked_again(browser)
    noted = browser.do("noted")
    origin = url.removesuffix("/page")
    assert {one[: len(origin) + 1] for one in noted["requests"]} == {f"{origin}/"}
    assert noted["console"] == []
    blocked = browser.evaluate(
        """new Promise(done => {
          const found = [];
          addEventListener('securitypolicyviolation', one => found.push(one.effectiveDirective));
          const script = document.createElement('script');
          script.textContent = 'globalThis.stolen = true';
          document.body.append(script);
          fetch('http://127.0.0.1:9/').catch(() => {});
          setTimeout(() => done([found, globalThis.stolen ?? null]), 300);
        })"""
    )
    assert sorted(blocked[0]) == ["connect-src", "script-src-elem"]
    assert blocked[1] is None


def hostile() -> list[SessionRecord]:
    made = []
    for text, record in zip(HOSTILE, records(), strict=False):
        context = replace(record.context, voice=text, tts_language=text)
        errors = [ErrorPart(text[:60], text, record.started_at)]
        made.append(replace(record, context=context, errors=errors, end_status=text))
    return made


def test_hostile_texts_stay_texts(browser: Browser) -> None:
    fed, some = FedPage(), hostile()
    letters = LetterNews(
        Counter(text[:200] for text in HOSTILE),
        [LetterOrigin(text[:200], text[:200], text[:30]) for text in HOSTILE],
    )
    lines = [
        RecordLine(
            SessionKey(one.platform, one.account_sid, one.call_sid, one.session_id),
            1,
            encode_record(one),
        )
        for one in some
    ]
    fed.feed([*commits()[:40], progress(records=lines, letters=letters)])
    with served(fed.page) as url:
        browser.do("open", url=f"{url}#sessions")
        for view in ("#fleet", "#pipeline", *(f"#call/{one.session_id}" for one in some)):
            browser.do("go", hash=view)
            assert (
                browser.evaluate("document.querySelectorAll('main img, main script').length") == 0
            )
        browser.until("document.querySelector('.lanes') !== null")
        browser.do("go", hash="#pipeline", wait=".letters")
        assert HOSTILE[0] in " ".join(browser.texts(".letters th"))
        assert browser.do("noted")["console"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_serious_to_say_of_a_live_page(
    browser: Browser, fed: tuple[FedPage, str], scheme: str
) -> None:
    _, url = fed
    browser.do("open", url=url, scheme=scheme)
    for view in VIEWS:
        browser.do("go", hash=view)
        if view == "#pipeline":
            browser.until("document.querySelector('.outcomes') !== null")
        found = browser.do("axe")
        assert [one for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_scrolls_no_page_sideways(
    browser: Browser, fed: tuple[FedPage, str], view: str
) -> None:
    browser.do("open", url=fed[1], width=390, height=800)
    browser.do("go", hash=view)
    if view == "#pipeline":
        browser.until("document.querySelector('.outcomes') !== null")
    assert browser.evaluate("document.documentElement.scrollWidth") == 390
