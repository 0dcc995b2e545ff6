"""Paging to the end or not at all, and errors that say nothing of what was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import Misconfigured, Unreachable, VoiceInsightsError
from worker.twilio.rest import Parameters, RestAnswer, all_rows, decode_answer, refusal


class Pages:
    """Answers by the parameter ``Page``, and whom each was asked of."""

    def __init__(self, answers: Mapping[str, RestAnswer]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, Parameters]] = []

    def get(self, path: str, parameters: Parameters) -> RestAnswer:
        self.asked.append((path, parameters))
        return self._answers[parameters.get("Page", "0")]

    def post(self, path: str, form: Parameters) -> RestAnswer:
        raise AssertionError


def page(rows: list[Any], following: str | None) -> RestAnswer:
    body = {"events": rows, "meta": {"next_page_url": following}}
    return RestAnswer(200, json.dumps(body).encode())


def url(number: int, host: str = "insights.twilio.com") -> str:
    return f"https://{host}/v1/x?Edge=carrier_edge&PageToken=PT{number}&Page={number}"


def rows_of(rest: Pages) -> list[bytes] | None:
    return all_rows(rest, "/v1/x", {"Edge": "carrier_edge"}, "events", "call CA1")


@given(st.lists(st.lists(st.integers()), min_size=1))
def test_all_pages_are_read_in_their_order(pages: list[list[int]]) -> None:
    last = len(pages) - 1
    rest = Pages(
        {str(n): page(rows, url(n + 1) if n < last else None) for n, rows in enumerate(pages)}
    )
    found = rows_of(rest)
    assert found is not None
    assert [json.loads(row) for row in found] == [row for rows in pages for row in rows]
    assert [asked[1].get("PageToken") for asked in rest.asked] == [
        None,
        *(f"PT{n}" for n in range(1, len(pages))),
    ]
    assert all(asked[1]["Edge"] == "carrier_edge" for asked in rest.asked)


def test_nothing_there_is_no_error() -> None:
    assert rows_of(Pages({"0": RestAnswer(404, b"")})) is None


def test_a_later_page_that_is_gone_fails_and_does_not_truncate() -> None:
    rest = Pages({"0": page([1], url(1)), "1": page([2], url(2)), "2": RestAnswer(404, b"")})
    with pytest.raises(Unreachable, match=r"page 3 doesn't exist \(404\) though page 2 names it"):
        rows_of(rest)


def test_pages_in_a_circle_end() -> None:
    with pytest.raises(Unreachable, match="circle"):
        rows_of(Pages({"0": page([1], url(1)), "1": page([2], url(1))}))


def test_a_page_elsewhere_is_asked_of_the_configured_host() -> None:
    rest = Pages({"0": page([1], url(1, "elsewhere.example")), "1": page([2], None)})
    assert rows_of(rest) == [b"1", b"2"]
    assert [path for path, _ in rest.asked] == ["/v1/x", "/v1/x"]


@pytest.mark.parametrize("following", ["https://insights.twilio.com/admin?Page=1", "ftp://x", "x"])
def test_an_address_that_is_none_of_the_interface_is_not_followed(following: str) -> None:
    with pytest.raises(Unreachable, match="not Twilio's"):
        rows_of(Pages({"0": page([1], following)}))


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>502</html>", b"[]", b'{"events": 1, "meta": {}}', b'{"meta": {}}', b"\xff"],
)
def test_a_body_that_is_no_page_is_not_twilios(body: bytes) -> None:
    with pytest.raises(Unreachable, match="not Twilio"):
        rows_of(Pages({"0": RestAnswer(200, body)}))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Misconfigured),
        (401, Misconfigured),
        (403, Misconfigured),
        (404, Misconfigured),
        (429, Unreachable),
        (500, Unreachable),
        (503, Unreachable),
    ],
)
def test_whose_fault_an_answer_is(status: int, kind: type[VoiceInsightsError]) -> None:
    with pytest.raises(kind, match=f"the settings: Twilio answers {status}"):
        decode_answer(RestAnswer(status, b"{}"), dict[str, Any], "the settings")


@given(st.text(min_size=5), st.integers())
def test_of_an_error_only_its_code_is_passed_on(message: str, code: int) -> None:
    body = json.dumps({"code": code, "message": f"hush {message}", "more_info": "hush"})
    told = str(refusal(RestAnswer(400, body.encode()), "it"))
    assert f"code {code}" in told
    assert "hush" not in told
    assert "hush" not in str(refusal(RestAnswer(400, f"hush {message}".encode()), "it"))
