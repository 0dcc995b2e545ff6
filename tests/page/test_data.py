"""The data of a report: what is in the span, the worst calls in full, nothing that is hidden."""

from __future__ import annotations

import json
from hashlib import sha256
from random import Random

from msgspec.structs import replace

from tests.page.calls import records
from worker.page.data import Data, ReportScope, TimeSpan, data_of
from worker.page.samples import instant
from worker.page.summary import longest_wait
from worker.sessions.schema import ErrorPart, SessionRecord

ALL = ReportScope(TimeSpan(None, None), None, None, "records", redact=False)


def calls_of(data: Data) -> list[dict[str, object]]:
    return [call for some in data.calls for call in json.loads(some)]


def test_equal_records_give_equal_data_in_whatever_order() -> None:
    some = list(records())
    one = data_of(some, ALL)
    Random(1).shuffle(some)
    assert data_of(some, ALL) == one


def test_calls_in_full_are_those_with_the_longest_waits_and_rows_say_where_they_are() -> None:
    data = data_of(records(), ALL._replace(calls=7))
    sessions = data.whole["sessions"]
    full = [call["session_id"] for call in calls_of(data)]
    longest = sorted((value for value in sessions["longest"] if value is not None), reverse=True)
    by_sid = dict(zip(sessions["sid"], sessions["longest"], strict=True))
    assert [by_sid[sid] for sid in full] == longest[:7]
    assert {
        sid: place
        for sid, place in zip(sessions["sid"], sessions["place"], strict=True)
        if place >= 0
    } == {sid: n for n, sid in enumerate(full)}


def test_a_wait_in_doubt_is_never_the_longest() -> None:
    for record in records():
        longest = longest_wait(record)
        waits = record.latency_ms.caller_wait
        if not record.abandoned_waits:
            assert longest == (None if waits is None else (waits.max, False))


def test_only_calls_that_began_in_the_span_are_in_it() -> None:
    began = sorted(instant(one.started_at) for one in records())
    data = data_of(records(), ALL._replace(span=TimeSpan(began[10], began[20])))
    assert data.whole["sessions"]["began"] == began[10:20]
    assert data.whole["fleet"]["totals"]["sessions"] == 10
    assert data.sessions == 10


def test_another_span_has_totals_of_its_own() -> None:
    began = sorted(instant(one.started_at) for one in records())
    early, late = TimeSpan(None, began[30]), TimeSpan(began[30], None)
    both = data_of(records(), ALL._replace(span=late, against=early)).whole
    alone = data_of(records(), ALL._replace(span=early)).whole
    assert both["against"]["totals"] == alone["fleet"]["totals"]
    assert both["against"]["by"] == alone["fleet"]["by"]
    assert both["fleet"] == data_of(records(), ALL._replace(span=late)).whole["fleet"]


def test_a_span_without_calls_is_no_error() -> None:
    data = data_of(records(), ALL._replace(span=TimeSpan(0, 1)))
    assert data.sessions == 0
    assert data.calls == []


def test_redacted_it_names_no_call_no_account_and_no_error() -> None:
    def failed(record: SessionRecord) -> SessionRecord:
        return replace(record, errors=[ErrorPart(64_102, "secret words", record.ended_at)])

    some = [failed(one) for one in records()]
    data = data_of(some, ALL._replace(redact=True))
    text = json.dumps(data.whole) + "".join(map(bytes.decode, data.calls))
    for one in some:
        for hidden in (one.session_id, one.call_sid, one.account_sid, "secret words"):
            assert hidden not in text
    digest = sha256(some[0].session_id.encode()).hexdigest()[:12]
    assert digest in data.whole["sessions"]["sid"]
    assert data.whole["fleet"] == data_of(some, ALL).whole["fleet"]


def test_redacted_no_text_of_a_call_identifies_anyone() -> None:
    caller, address = "+15551234567", "someone@mail.example"
    some = [
        replace(
            one,
            end_status=f"hung up by {caller}",
            context=replace(one.context, voice=address),
            configuration={"welcomeGreeting": f"Hello {caller}"},
            unknown_events={caller: 1, address: 2, "sentiment": 3},
        )
        for one in records()
    ]
    data = data_of(some, ALL._replace(redact=True))
    text = json.dumps(data.whole) + "".join(map(bytes.decode, data.calls))
    assert caller not in text
    assert address not in text
    for call in calls_of(data):
        assert call["unknown_events"] == {"other": 3, "sentiment": 3}
        assert call["end_status"] == "other"
