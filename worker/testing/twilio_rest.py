"""A stub of Twilio's REST APIs on loopback, fed by the simulator.

One server serves both APIs, whose paths differ. It serves one account, checks credentials as Twilio
does (basic authentication), and stops at the end of its block.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from worker.events.twilio.envelope import GATEWAY_TYPE, SDK_TYPE
from worker.testing.traffic import Traffic, simulated_records
from worker.testing.twilio_account import StubReply, StubRequest, TwilioAccount, TwilioCall, call_of
from worker.testing.twilio_summaries import SummaryRow

USER: Final = f"SK{7:032x}"
SECRET: Final = "not-a-secret"  # noqa: S105


@contextmanager
def twilio_rest(account: TwilioAccount) -> Iterator[str]:
    """Serve ``account`` on a free port of 127.0.0.1 within the block; yield the address."""

    class Handler(_Handler):
        served = account

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def simulated_calls(traffic: Traffic, seed: int) -> dict[str, TwilioCall]:
    """The calls of simulated traffic, by SID, with every event that was delivered, each once.

    Give ``traffic`` no losses to get the events that the simulator would lose.
    """
    rows: dict[str, dict[str, SummaryRow]] = {}
    for record in simulated_records(traffic, seed):
        event = _call_event(record.data)
        if event is not None:
            row = _row(event["data"])
            rows.setdefault(row["call_sid"], {})[event["id"]] = row
    return {call_sid: call_of(sorted(own.values(), key=_time)) for call_sid, own in rows.items()}


def _call_event(data: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(data)
    except ValueError:
        return None
    wanted = isinstance(event, dict) and event.get("type") in (GATEWAY_TYPE, SDK_TYPE)
    return event if wanted else None


def _row(data: Any) -> SummaryRow:
    """The API's row of an event: an object without the nested name."""
    row: SummaryRow = json.loads(data) if isinstance(data, str) else dict(data)
    relay = row.get("conversation_relay_data")
    if relay is None:
        return {**row, "conversation_relay_data": None}
    kept = {key: value for key, value in relay.items() if key != "name"}
    return {**row, "conversation_relay_data": kept}


def _time(row: SummaryRow) -> str:
    return str(row["timestamp"])


class _Handler(BaseHTTPRequestHandler):
    served: TwilioAccount
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def do_GET(self) -> None:
        self._serve("GET", {})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._serve("POST", dict(parse_qsl(self.rfile.read(length).decode())))

    def _serve(self, method: str, form: dict[str, str]) -> None:
        parts = urlsplit(self.path)
        if self._authentic():
            query = dict(parse_qsl(parts.query))
            self._send(self.served.answer(StubRequest(method, parts.path, query, form)))
        else:
            self._send(StubReply(401, {"code": 20003, "message": "Authenticate", "status": 401}))

    def _authentic(self) -> bool:
        expected = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _send(self, reply: StubReply) -> None:
        body = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""
