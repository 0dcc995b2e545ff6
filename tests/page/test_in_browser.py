"""The page in a real browser: its numbers, its views, and what it must never do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.page.browser import EVERYTHING, Browser, written
from tests.page.calls import records, replayed
from worker.metrics.distribution import Summary
from worker.page.fleet import FleetSamples, totals_of
from worker.page.summary import longest_wait
from worker.sessions.schema import ErrorPart, SessionRecord

pytestmark = pytest.mark.slow

VIEWS = ("#fleet", "#sessions", "#call")
WORST = "DATA.sessions.sid[worstSessions()[0]]"


def call_address(browser: Browser, sid: str | None = None) -> str:
    return f"#call/{sid or browser.evaluate(WORST)}"


def goes_to(browser: Browser, view: str) -> None:
    if view == "#call":
        browser.do("go", hash=call_address(browser), wait=".lanes")
    else:
        browser.do("go", hash=view)


def grouped(value: float | None) -> str:
    return "–" if value is None else f"{int(value):,}"


def median(latency: Summary | None) -> float | None:
    return None if latency is None else latency.p50


def worst(some: list[SessionRecord]) -> list[SessionRecord]:
    with_waits = [one for one in some if longest_wait(one) is not None]
    return sorted(
        sorted(with_waits, key=lambda one: (one.started_at, one.session_id)),
        key=lambda one: -(longest_wait(one) or (0, False))[0],
    )


def test_the_fleets_numbers_are_those_of_the_records(browser: Browser, url: str) -> None:
    browser.do("open", url=url)
    totals = totals_of(FleetSamples(records()))
    wait, counts = totals["latency"]["CallerWait"], totals["counts"]
    shown = browser.texts(".tile .num")
    assert shown[0] == grouped(totals["sessions"])
    assert shown[1] == f"{grouped(wait['p50'].value)} ms median"
    assert shown[3] == grouped(counts["AbandonedWaits"])
    assert shown[5] == grouped(counts["Errors"])
    notes = browser.texts(".tile .note")
    assert notes[1] == f"p95 {grouped(wait['p95'].value)}, p99 {grouped(wait['p99'])}"
    response = totals["latency"]["ResponseLatency"]["n"]
    assert notes[2].endswith(f"covers {100 * response / counts['Turns']:.1f} %")


def test_sessions_are_worst_first_with_the_records_numbers(browser: Browser, url: str) -> None:
    browser.do("open", url=f"{url}#sessions")
    rows = browser.evaluate(
        "[...document.querySelectorAll('.vt tr.link')].slice(0, 20)"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    for row, record in zip(rows, worst(records())[:20], strict=True):
        longest, latency = longest_wait(record), record.latency_ms
        assert longest is not None
        assert row[0] == record.session_id
        assert row[1] == record.started_at[11:19]
        assert row[2] == grouped(longest[0])
        assert row[4] == grouped(median(latency.caller_wait))
        assert row[5] == grouped(None if latency.response is None else latency.response.p95)
        assert (row[6], row[8]) == (grouped(record.turns), grouped(record.interruptions.total))
        assert row[9] == grouped(record.tokens.total)


def test_a_turns_parts_add_up_to_its_wall_time_and_its_label_is_the_wait(
    browser: Browser, url: str
) -> None:
    browser.do("open", url=url)
    measured = 0
    for record in worst(records())[:12]:
        browser.do("go", hash=call_address(browser, record.session_id), wait=".turns")
        turns = browser.evaluate(
            f"recordOf(DATA.sessions.sid.indexOf('{record.session_id}'))"
            ".then(record => record.turn_rows.map(row => turnOf(row, record)))"
        )
        labels = browser.texts(".turns .lbl")
        drawn = [turn for turn in turns if turn["total"]]
        assert labels == [grouped(turn["label"]) for turn in drawn]
        for turn in drawn:
            assert sum(to - start for start, to, *_ in turn["parts"]) == turn["total"]
            if turn["row"]["caller_wait_ms"] is not None:
                assert turn["label"] == turn["row"]["caller_wait_ms"]
                spoken = sum(to - start for start, to in turn["speech"])
                assert turn["total"] - spoken == turn["label"]
                measured += 1
    assert measured > 30


def test_an_error_that_came_again_is_one_chip_with_its_number_and_nothing_is_cut(
    browser: Browser, tmp_path: Path
) -> None:
    first, *rest = worst(records())
    at = first.started_at
    errors = [ErrorPart(code, "", at) for code in (64107, 64105, 64107, 64107)]
    again = replace(first, errors=errors, abandoned_waits=1)
    address, _ = written(tmp_path, [again, *rest])
    browser.do("open", url=f"{address}#sessions", width=1440, height=900)
    chips = browser.evaluate(
        f"[...document.querySelectorAll('.vt a[href=\"#call/{first.session_id}\"]')][0]"
        ".closest('tr').querySelectorAll('.chip').length"
    )
    assert chips == 3
    texts = browser.texts(".vt tr.link .chip")
    assert {"error 64107 × 3", "error 64105"} <= set(texts)
    cut = browser.evaluate(
        "[...document.querySelectorAll('.vt td')].filter(td => [...td.querySelectorAll('.chip')]"
        ".some(one => one.getBoundingClientRect().right > td.getBoundingClientRect().right))"
        ".map(td => td.textContent)"
    )
    assert cut == []


def test_a_report_has_a_replays_counters_or_says_that_it_knows_none(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    browser.do("open", url=f"{url}#pipeline")
    assert "made of session records" in browser.texts("main .sub")[0]
    counters = replayed().counters
    address, _ = written(tmp_path, records(), counters=counters)
    browser.do("open", url=f"{address}#pipeline")
    assert browser.texts(".chip.good") == ["every occurrence accounted for"]
    assert "a replay’s counters only" in browser.texts("main .sub")[0]
    assert f"new events {counters['folded']:,}" in browser.texts(".legend")[0]
    rows = browser.evaluate(
        "[...document.querySelectorAll('.facts-of tbody tr')]"
        ".map(row => [row.cells[0].textContent, row.cells[1].textContent])"
    )
    assert ["sessions closed", f"{counters['sessions_closed']:,}"] in rows
    found = browser.do("axe")
    assert [one for one in found if one["impact"] in ("serious", "critical")] == []


def test_holds_and_hand_offs_are_bands(browser: Browser, url: str) -> None:
    marks = [
        *([1000, "call_held", None], [5000, "call_unheld", None], [5500, "tool_call", "look_up"]),
        *([7000, "handoff", None], [7500, "handoff", "begins"]),
    ]
    browser.do("open", url=url)
    goes_to(browser, "#call")
    assert browser.evaluate(f"bandsOf({json.dumps(marks)}, 9000)") == [
        [1000, 5000, "on hold"],
        [7500, 9000, "with a human"],
    ]
    sid = browser.evaluate(WORST)
    drawn = browser.evaluate(
        f"""callOf('{sid}').then(({{ record }}) => {{
          const place = document.querySelector('.plot');
          const timeline = {{ ...record.timeline, marks: {json.dumps(marks)} }};
          new Lanes(place, {{ ...record, timeline }});
          return place.querySelectorAll('.band').length;
        }})"""
    )
    assert drawn == 2


def test_at_the_usual_width_no_chip_is_cut(browser: Browser, url: str) -> None:
    cut = (
        "[...document.querySelectorAll('tr td:last-child')]"
        ".filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"
    )
    browser.do("open", url=url, width=1440)
    for view in ("#fleet", "#sessions"):
        browser.do("go", hash=view)
        assert len(browser.texts("td .chip")) > 20
        assert browser.evaluate(cut) == []


def test_a_call_tells_its_further_latencies(browser: Browser, url: str) -> None:
    record = next(one for one in records() if one.latency_ms.barge_in_stop)
    browser.do("open", url=url)
    browser.do("go", hash=call_address(browser, record.session_id), wait=".lanes")
    (told,) = [text for text in browser.texts("main .sub") if text.startswith("Also measured")]
    for latency in (record.latency_ms.barge_in_stop, record.latency_ms.reply_duration):
        assert f"{grouped(median(latency))} ms" in told
    assert f"time to first audio {grouped(record.latency_ms.time_to_first_audio)} ms" in told


def test_it_asks_for_nothing_and_says_nothing_on_the_console(browser: Browser, url: str) -> None:
    browser.do("open", url=url)
    for view in VIEWS:
        goes_to(browser, view)
    noted = browser.do("noted")
    assert [one.partition("#")[0] for one in noted["requests"]] == [url]
    assert noted["console"] == []


def test_its_policy_is_in_force(browser: Browser, url: str) -> None:
    browser.do("open", url=url)
    blocked = browser.evaluate(
        """new Promise(done => {
          const found = [];
          addEventListener('securitypolicyviolation', one => found.push(one.effectiveDirective));
          const script = document.createElement('script');
          script.textContent = 'globalThis.stolen = true';
          document.body.append(script);
          const image = document.createElement('img');
          image.src = 'http://127.0.0.1:9/x.png';
          document.body.append(image);
          setTimeout(() => done([found, globalThis.stolen ?? null]), 300);
        })"""
    )
    assert sorted(blocked[0]) == ["img-src", "script-src-elem"]
    assert blocked[1] is None


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "]]> \u202e\u2066 right to left \u0000",
    "x" * 10_000,
)


def test_hostile_texts_stay_texts(browser: Browser, tmp_path: Path) -> None:
    some = []
    for text, record in zip(HOSTILE, records(), strict=False):
        context = replace(record.context, voice=text, tts_language=text)
        errors = [ErrorPart(text[:60], text, record.started_at)]
        some.append(replace(record, context=context, errors=errors, end_status=text))
    some.append(replace(some[0], session_id=HOSTILE[0]))
    address, _ = written(tmp_path, some, EVERYTHING._replace(title=HOSTILE[1]))
    browser.do("open", url=address)
    for view in ("#fleet", "#sessions", *(f"#call/{one.session_id}" for one in some)):
        browser.do("go", hash=view)
        assert browser.evaluate("document.querySelectorAll('main img, main script').length") == 0
    assert HOSTILE[0] in " ".join(browser.texts(".chip"))
    noted = browser.do("noted")
    assert noted["console"] == []
    assert {one.partition("#")[0] for one in noted["requests"]} == {address}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_serious_to_say_of_any_view(
    browser: Browser, url: str, scheme: str
) -> None:
    browser.do("open", url=url, scheme=scheme)
    for view in VIEWS:
        goes_to(browser, view)
        found = browser.do("axe")
        assert [one for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_scrolls_no_page_sideways(browser: Browser, url: str, view: str) -> None:
    browser.do("open", url=url, width=390, height=800)
    goes_to(browser, view)
    assert browser.evaluate("document.documentElement.scrollWidth") == 390


def test_a_call_can_be_walked_through_with_the_keyboard(browser: Browser, url: str) -> None:
    browser.do("open", url=url)
    browser.do("press", key="/")
    assert browser.evaluate("document.activeElement.id") == "find"
    sid = worst(records())[0].session_id
    browser.do("fill", selector="#find", text=sid)
    assert browser.evaluate("location.hash") == f"#call/{sid}"
    seen = "document.querySelector('.lanes').getAttribute('aria-label').split(':').slice(0, 3)"
    whole = browser.evaluate(seen)
    browser.evaluate("document.querySelector('.turns button').focus()")
    browser.do("press", key="Enter")
    turn = browser.evaluate(seen)
    browser.evaluate("document.querySelector('.lanes').focus()")
    browser.do("press", key="-")
    wider = browser.evaluate(seen)
    browser.do("press", key="Home")
    assert browser.evaluate(seen) == whole
    assert len({str(one) for one in (whole, turn, wider)}) == 3


def test_a_drag_zooms_the_call_and_a_double_click_shows_all_of_it(
    browser: Browser, url: str
) -> None:
    browser.do("open", url=url)
    goes_to(browser, "#call")
    label = "document.querySelector('.lanes').getAttribute('aria-label')"
    whole = browser.evaluate(label)
    box = browser.evaluate(
        "(b => [b.x, b.y])(document.querySelector('.lanes').getBoundingClientRect())"
    )
    y = box[1] + 110
    browser.do("drag", **{"from": [box[0] + 300, y], "to": [box[0] + 600, y]})
    assert browser.evaluate(label) != whole
    browser.evaluate("document.querySelector('.lanes').dispatchEvent(new MouseEvent('dblclick'))")
    assert browser.evaluate(label) == whole


def test_a_click_on_a_cell_shows_the_calls_with_such_a_wait(browser: Browser, url: str) -> None:
    browser.do("open", url=url)
    found = browser.evaluate(
        """(() => {
          const { cells } = DATA.fleet.heat;
          const bin = cells.findIndex(one => one.length), [cell, count] = cells[bin][0];
          location.hash = `#sessions?bin=${bin}&cell=${cell}`;
          return [bin, cell, count];
        })()"""
    )
    browser.do("go", hash=f"#sessions?bin={found[0]}&cell={found[1]}")
    rows = browser.evaluate("document.querySelectorAll('.vt tr.link').length")
    assert 1 <= rows <= found[2]


def test_paper_has_light_colours_and_up_to_200_rows(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    browser.do("open", url=f"{url}#sessions", scheme="dark")
    browser.do("pdf", path=str(tmp_path / "page.pdf"))
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("document.querySelectorAll('.vt tr.link').length") == len(records())
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(246, 247, 249)"
    )


def test_a_record_without_a_timeline_shows_its_turns_and_says_so(
    browser: Browser, tmp_path: Path
) -> None:
    bare = [replace(one, timeline=None) for one in records()]
    address, _ = written(tmp_path, bare)
    browser.do("open", url=address)
    assert "60 records without a whole timeline" in " ".join(browser.texts(".sub"))
    sid = worst(bare)[0].session_id
    browser.do("go", hash=call_address(browser, sid), wait=".turns")
    assert "no timeline" in " ".join(browser.texts(".plot"))
    assert browser.evaluate("document.querySelectorAll('.turns tbody tr').length") > 0


def test_a_call_that_is_a_row_only_says_how_to_get_it(browser: Browser, tmp_path: Path) -> None:
    address, _ = written(tmp_path, records(), EVERYTHING._replace(calls=1))
    browser.do("open", url=address)
    last = worst(records())[-1].session_id
    browser.do("go", hash=call_address(browser, last))
    assert "--calls all" in " ".join(browser.texts(".sub"))


def test_another_span_stands_beside_this_one(browser: Browser, tmp_path: Path) -> None:
    scope = EVERYTHING._replace(against=EVERYTHING.span)
    address, _ = written(tmp_path, records(), scope)
    browser.do("open", url=address)
    rows: list[list[Any]] = browser.evaluate(
        "[...document.querySelectorAll('table[aria-label=\"Against another span\"] tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert len(rows) == 12
    assert {row[3] for row in rows[:10]} == {"0"}
    assert {row[4] for row in rows[:10]} <= {"within chance", "too few to say"}
