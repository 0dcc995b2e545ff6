"""A Twilio account as the REST APIs show it, in their documented shapes; no network.

It has calls with events and summaries, sinks and subscriptions. Faults are switched on one by one:
resources that are not ready at first, pages that are missing, too many requests.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from worker.events.twilio.envelope import TEST_TYPE
from worker.testing.twilio_summaries import SummaryRow, agent_session_summaries
from worker.times.minutes import AFTER_ALL
from worker.times.rfc3339 import parse_ms

_PAGE_SIZE: Final = 50
_LARGEST_PAGE: Final = 1000

JsonFields = dict[str, Any]


class StubRequest(NamedTuple):
    """A request with its decoded parameters and form."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]


class StubReply(NamedTuple):
    """An answer; ``body`` is sent as JSON."""

    status: int
    body: JsonFields
    headers: Mapping[str, str] = {}


@dataclass(slots=True)
class TwilioCall:
    """A call. ``rows``: in the order of the events API. ``sessions``: the sessions' summaries."""

    account_sid: str
    call_sid: str
    rows: list[SummaryRow]
    sessions: list[SummaryRow]
    processing_state: str = "complete"

    @property
    def start_time(self) -> str:
        """The time of the earliest event."""
        return str(min((row["timestamp"] for row in self.rows), default=""))


@dataclass(slots=True)
class Faults:
    """Faults of the account.

    ``not_ready``: how many times each call's events and summary are 404 at first.
    ``too_many_every``: every such request is refused with 429. ``lost_page``: the page of events,
    counted from 0, that is always 404.
    """

    not_ready: int = 0
    too_many_every: int = 0
    lost_page: int | None = None


@dataclass(slots=True)
class TwilioAccount:
    """An account. ``deliver`` is called with the CloudEvents that Event Streams sends to a sink."""

    calls: dict[str, TwilioCall]
    faults: Faults = field(default_factory=Faults)
    advanced_features: bool = True
    deliver: Callable[[bytes], object] = lambda _: None
    sinks: dict[str, JsonFields] = field(default_factory=dict)
    subscriptions: dict[str, JsonFields] = field(default_factory=dict)
    requests: list[StubRequest] = field(default_factory=list)
    _asked: Counter[str] = field(default_factory=Counter)
    _tests: dict[str, str] = field(default_factory=dict)

    def answer(self, request: StubRequest) -> StubReply:
        """Answer a request of either API."""
        self.requests.append(request)
        every = self.faults.too_many_every
        if every and len(self.requests) % every == 0:
            return StubReply(429, _problem(429, 20429, "Too Many Requests"), {"Retry-After": "1"})
        match request.path.strip("/").split("/")[1:], request.method:
            case ["Voice", "Settings"], "GET":
                return StubReply(200, {"advanced_features": self.advanced_features})
            case ["Voice", "Summaries"], "GET":
                return self._summaries(request)
            case ["Voice", call_sid, ("Events" | "Summary") as kind], "GET":
                return self._of_call(request, call_sid, kind)
            case ["Sinks", *rest], _:
                return self._of_sinks(request, rest)
            case ["Subscriptions", *rest], _:
                return self._of_subscriptions(request, rest)
        return _not_found(request)

    # Voice Insights

    def _summaries(self, request: StubRequest) -> StubReply:
        since, until = (parse_ms(request.query.get(name, "")) for name in ("StartTime", "EndTime"))
        found = [
            {"call_sid": one.call_sid, "start_time": one.start_time}
            for one in sorted(self.calls.values(), key=lambda call: call.start_time)
            if (since or 0) <= (parse_ms(one.start_time) or 0) < (until or AFTER_ALL)
        ]
        return _page(request, "insights", "call_summaries", found)

    def _of_call(self, request: StubRequest, call_sid: str, kind: str) -> StubReply:
        call = self.calls.get(call_sid)
        first = "Page" not in request.query
        asked = f"{call_sid}/{kind}"
        self._asked[asked] += first
        if call is None or (first and self._asked[asked] <= self.faults.not_ready):
            return _not_found(request)
        if kind == "Summary":
            return self._summary(request, call)
        if request.query.get("Page", "0") == str(self.faults.lost_page):
            return _not_found(request)
        edge = request.query.get("Edge")
        rows = [row for row in call.rows if edge is None or row["edge"] in (edge, None)]
        return _page(request, "insights", "events", rows)

    def _summary(self, request: StubRequest, call: TwilioCall) -> StubReply:
        if request.query.get("ProcessingState", "complete") != call.processing_state:
            return _not_found(request)
        return StubReply(
            200,
            {
                "account_sid": call.account_sid,
                "call_sid": call.call_sid,
                "processing_state": call.processing_state,
                "start_time": call.start_time,
                "agent_session_summaries": call.sessions,
            },
        )

    # Event Streams

    def _of_sinks(self, request: StubRequest, rest: list[str]) -> StubReply:
        match rest, request.method:
            case [], "GET":
                return _page(request, "events", "sinks", list(self.sinks.values()))
            case [], "POST":
                return self._make_sink(request.form)
            case [sid, "Test"], "POST" if sid in self.sinks:
                return self._test(sid)
            case [sid, "Validate"], "POST" if sid in self.sinks:
                return self._validate(sid, request.form.get("TestId", ""))
        return _not_found(request)

    def _make_sink(self, form: Mapping[str, str]) -> StubReply:
        sid = f"DG{len(self.sinks) + 1:032x}"
        self.sinks[sid] = {
            "sid": sid,
            "status": "initialized",
            "description": form["Description"],
            "sink_type": form["SinkType"],
            "sink_configuration": json.loads(form["SinkConfiguration"]),
            "url": f"https://events.twilio.com/v1/Sinks/{sid}",
        }
        return StubReply(201, self.sinks[sid])

    def _test(self, sid: str) -> StubReply:
        test_id = f"{len(self._tests) + 1:032x}"
        self._tests[test_id] = sid
        if self.sinks[sid]["status"] != "active":
            self.sinks[sid]["status"] = "validating"
        account_sid = next((call.account_sid for call in self.calls.values()), "AC" + "0" * 32)
        event = {
            "specversion": "1.0",
            "type": TEST_TYPE,
            "source": "Sink Service",
            "id": account_sid,
            "data": {"test_id": test_id},
        }
        self.deliver(json.dumps(event).encode())
        return StubReply(201, {"result": "submitted"})

    def _validate(self, sid: str, test_id: str) -> StubReply:
        if self._tests.get(test_id) != sid:
            return StubReply(400, _problem(400, 20001, "Invalid test id"))
        self.sinks[sid]["status"] = "active"
        return StubReply(201, {"result": "valid"})

    def _of_subscriptions(self, request: StubRequest, rest: list[str]) -> StubReply:
        match rest, request.method:
            case [], "GET":
                found = [
                    {"sid": sid, "sink_sid": one["sink_sid"]}
                    for sid, one in self.subscriptions.items()
                    if request.query.get("SinkSid") in (None, one["sink_sid"])
                ]
                return _page(request, "events", "subscriptions", found)
            case [], "POST":
                return self._subscribe(request.form)
            case [sid, "SubscribedEvents"], "GET" if sid in self.subscriptions:
                types = self.subscriptions[sid]["types"]
                found = [{"type": kind, "schema_version": types[kind]} for kind in types]
                return _page(request, "events", "types", found)
            case [sid, "SubscribedEvents", *kind], "POST" if sid in self.subscriptions:
                name = kind[0] if kind else request.form["Type"]
                version = int(request.form["SchemaVersion"])
                self.subscriptions[sid]["types"][name] = version
                return StubReply(200 if kind else 201, {"type": name, "schema_version": version})
        return _not_found(request)

    def _subscribe(self, form: Mapping[str, str]) -> StubReply:
        if self.sinks.get(form["SinkSid"], {}).get("status") != "active":
            return StubReply(400, _problem(400, 20001, "Sink must be active"))
        sid = f"DF{len(self.subscriptions) + 1:032x}"
        kind = json.loads(form["Types"])
        types = {kind["type"]: kind["schema_version"]}
        self.subscriptions[sid] = {"sink_sid": form["SinkSid"], "types": types}
        return StubReply(201, {"sid": sid, "sink_sid": form["SinkSid"]})


def call_of(rows: Iterable[SummaryRow]) -> TwilioCall:
    """A call with these rows, and the summaries that follow from them."""
    rows = list(rows)
    summaries = agent_session_summaries(rows)
    return TwilioCall(rows[0]["account_sid"], rows[0]["call_sid"], rows, summaries)


def _page(request: StubRequest, host: str, key: str, rows: list[JsonFields]) -> StubReply:
    size = min(_LARGEST_PAGE, int(request.query.get("PageSize", _PAGE_SIZE)))
    page = int(request.query.get("Page", 0))
    base = f"https://{host}.twilio.com{request.path}"
    kept = "&".join(
        f"{name}={value}" for name, value in request.query.items() if not name.startswith("Page")
    )

    def url(number: int) -> str:
        return f"{base}?{kept}&PageSize={size}&Page={number}&PageToken=PT{number}"

    last = (page + 1) * size >= len(rows)
    meta = {
        "page": page,
        "page_size": size,
        "first_page_url": url(0),
        "previous_page_url": url(page - 1) if page else None,
        "url": url(page),
        "next_page_url": None if last else url(page + 1),
        "key": key,
    }
    return StubReply(200, {key: rows[page * size : (page + 1) * size], "meta": meta})


def _not_found(request: StubRequest) -> StubReply:
    return StubReply(
        404, _problem(404, 20404, f"The requested resource {request.path} was not found")
    )


def _problem(status: int, code: int, message: str) -> JsonFields:
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": message, "more_info": more_info, "status": status}
