"""The page of a running worker: folds what commits publish, and answers the browser.

The service's thread only leaves a commit in a queue; a thread of this object folds it into
``Recent``, as does a thread that asks for a view. One lock is held around ``Recent``, which no hook
waits for.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread
from typing import Any, Final

import msgspec

from worker.outbox.entries import DeliveryOutcome, Entry, EntryKind
from worker.page.fleet import fleet_of, series_latencies_of
from worker.page.live_fleet import USUAL_MINUTES, live_bins, span_of
from worker.page.pipeline import live_pipeline
from worker.page.recent import Recent, RecentBounds
from worker.page.static import INDEX, StaticFile, served_files
from worker.page.summary import summary_row
from worker.partition.rules import Rules
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks, WorkerStatus
from worker.sessions.schema import SessionRecord
from worker.telemetry.page import TEXT, Page
from worker.telemetry.snapshot import TelemetrySnapshot
from worker.times.minutes import MINUTE, minute_of

COMMITS_WAITING: Final = 256
"""The most commits that may wait to be folded; with more, the page forgets everything."""

_FLEETS_KEPT: Final = 8
_REMAKINGS: Final = 720
"""How often a fleet's view is made while its span passes once."""

FindRecords = Callable[[str], list[SessionRecord] | None]
"""Returns the records of a session or call by its SID; None if the search must wait."""

_JSON: Final = "application/json"
_DATA: Final = "/page/data/"
_SID: Final = re.compile(r"[!-~]{1,256}")
_NUMBER: Final = re.compile(r"\d{1,15}")
_BUSY: Final = Page(503, TEXT, "busy: ask again\n", (("Retry-After", "1"),))
_NOT_YET: Final = Page(503, TEXT, "the worker has not committed yet\n")


class LivePage(WorkerEvents):
    """Answers for everything at ``/page`` and below. Begins empty with each worker.

    ``snapshot``: returns the worker's telemetry. ``find_records``: returns the worker's records of
    a session or a call that is not among the closed ones kept here, None if it can't at present;
    called in the server's thread.
    """

    def __init__(
        self,
        clocks: Clocks,
        bounds: RecentBounds,
        rules: Rules,
        snapshot: Callable[[], TelemetrySnapshot | None],
        find_records: FindRecords,
    ) -> None:
        self._now = clocks.now
        self._bounds = bounds
        self._rules = rules
        self._snapshot = snapshot
        self._find_records = find_records
        self._waiting: deque[tuple[WorkerStatus, int]] = deque()
        self._awake = Event()
        self._ended = False
        self._thread = Thread(target=self._work, name="page", daemon=True)
        self._lock = Lock()
        self._run = clocks.now()
        self._lost = False
        self._recent = Recent(bounds)
        self._status: WorkerStatus | None = None
        self._committed = 0
        self._commits = 0
        self._fleets: dict[int, tuple[int, int, Page]] = {}
        self._counting = Lock()
        self._sent: dict[EntryKind, Counter[DeliveryOutcome]] = defaultdict(Counter)
        self._files = served_files()

    def start(self) -> None:
        """Begin to fold what commits publish."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread, for which ``timeout_s`` are waited."""
        self._ended = True
        self._awake.set()
        self._thread.join(timeout_s)

    # --- the worker's hooks

    def progress(self, progress: WorkerStatus) -> None:
        """See ``WorkerEvents.progress``."""
        if len(self._waiting) < COMMITS_WAITING:
            self._waiting.append((progress, self._now()))
        else:
            self._lost = True
        self._awake.set()

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:  # noqa: ARG002
        """See ``WorkerEvents.sent``."""
        with self._counting:
            self._sent[entry.kind][outcome] += 1

    def _work(self) -> None:
        while not self._ended:
            self._awake.wait()
            self._awake.clear()
            with self._lock:
                self._fold_waiting()

    def _fold_waiting(self) -> None:
        if self._lost:
            self._start_over()
        while self._waiting:
            self._status, self._committed = self._waiting.popleft()
            self._commits += 1
            self._recent.add(self._status, self._committed)

    def _start_over(self) -> None:
        """Forget everything, so that no view is shown with a part missing."""
        self._waiting.clear()
        self._lost = False
        self._recent = Recent(self._bounds)
        self._run = self._now()

    # --- answers

    def answer(self, path: str, query: Mapping[str, str]) -> Page:
        """The answer at a path; ``query``: the fields of the address."""
        if path.startswith(_DATA):
            return self._data(path.removeprefix(_DATA), query)
        name = INDEX if path in ("/page", "/page/") else path.removeprefix("/page/")
        file = self._files.get(name)
        return _not_found(path) if file is None else _static(file)

    def _data(self, name: str, query: Mapping[str, str]) -> Page:
        if name.startswith("call/") and name.endswith(".json"):
            return self._call(name.removeprefix("call/").removesuffix(".json"))
        with self._lock:
            self._fold_waiting()
            if self._status is None:
                return _NOT_YET
            if name == "fleet.json":
                return self._kept_fleet(_number(query, "minutes"))
            if name == "sessions.json":
                same = query.get("run") == str(self._run)
                return self._sessions(_number(query, "after") or 0 if same else 0)
            if name == "pipeline.json":
                return self._pipeline(self._status)
        return _not_found(name)

    def _head(self) -> dict[str, Any]:
        """Return the fields of every answer: the worker's run, and the time."""
        return {
            "run": str(self._run),
            "now": self._now(),
            "committed": self._committed,
            "stream_time": self._recent.stream_time,
            "since": self._recent.since,
        }

    def _kept_fleet(self, asked: int | None) -> Page:
        """Return the fleet's view, made less often for more minutes: every 5 s for an hour."""
        minutes = min(max(1, asked or USUAL_MINUTES), self._bounds.span // MINUTE)
        known, now = self._fleets.get(minutes), self._now()
        if known is not None and known[0] == self._run and now < known[1]:
            return known[2]
        page = self._tagged(self._fleet(minutes), "fleet", minutes, self._end() // MINUTE)
        while len(self._fleets) >= _FLEETS_KEPT:
            del self._fleets[next(iter(self._fleets))]
        self._fleets[minutes] = self._run, now + minutes * MINUTE // _REMAKINGS, page
        return page

    def _fleet(self, minutes: int) -> dict[str, Any]:
        end = self._end()
        span = span_of(minutes, end, self._bounds.span, self._recent.floor)
        samples = self._recent.samples(span.since, span.until)
        waits = max(self._rules.hold_max, self._rules.hold_hole, self._rules.hold_turn)
        return {
            **self._head(),
            "most_minutes": self._bounds.span // MINUTE,
            "settled": minute_of(end - waits - self._rules.release_every),
            "fleet": fleet_of(samples, live_bins(span)),
            "also": series_latencies_of(samples),
        }

    def _end(self) -> int:
        """Up to when the fleet is shown, epoch ms."""
        stream_time = self._recent.stream_time
        return self._now() if stream_time is None else stream_time

    def _tagged(self, value: dict[str, Any] | bytes, *of: object) -> Page:
        """Data that changes with commits alone. ``of``: what tells it from other data of a commit;
        the answer's own time is no difference.
        """
        tag = "-".join(map(str, (self._run, self._commits, *of)))
        body = value if isinstance(value, bytes) else _encoded(value)
        return Page(200, _JSON, body, (("ETag", f'"{tag}"'),))

    def _sessions(self, after: int) -> Page:
        found = self._recent.rows_after(after)
        head = {**self._head(), "next": found.next, "oldest": found.oldest, "more": found.more}
        whole = _encoded(head)[:-1] + b',"rows":[' + b",".join(found.rows) + b"]}"
        return self._tagged(whole, "sessions", after)

    def _pipeline(self, status: WorkerStatus) -> Page:
        snapshot = self._snapshot()
        if snapshot is None:
            return _NOT_YET
        with self._counting:
            sent = {kind: Counter(counted) for kind, counted in self._sent.items()}
        data = live_pipeline(status, snapshot, self._rules, sent)
        trend = self._recent.trend.columns()
        return _json({**self._head(), **data, **self._recent.letters_view(), "trend": trend})

    def _call(self, sid: str) -> Page:
        if not _SID.fullmatch(sid):
            return Page(404, TEXT, "that is no SID\n")
        with self._lock:
            self._fold_waiting()
            records = self._recent.records(sid)
        found = records or self._find_records(sid)
        if found is None:
            return _BUSY
        if not found:
            return Page(404, TEXT, "no session or call of this SID is open, or closed lately\n")
        return _json([{"row": summary_row(one), "record": one} for one in found])


def _static(file: StaticFile) -> Page:
    kept = "no-cache" if file.content_type.startswith("text/html") else "max-age=3600"
    headers = (("ETag", f'"{file.digest}"'), ("Cache-Control", kept))
    return Page(200, file.content_type, file.text, headers)


def _json(value: Any) -> Page:
    return Page(200, _JSON, _encoded(value))


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _not_found(path: str) -> Page:
    return Page(404, TEXT, f"there is no {path!a}\n")


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    return int(text) if _NUMBER.fullmatch(text) else None
