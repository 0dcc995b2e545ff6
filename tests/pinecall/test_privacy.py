"""Nothing that was said, and nobody's number or name, is anywhere beyond the bridge."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from tests.live import Aws, working
from tests.pinecall.bridges import await_all, bridging, calls, records_in, stub
from tests.processes import ROOT, run
from worker.testing.moto_server import embedded_aws
from worker.testing.pinecall_account import (
    StubAccount,
    account_of,
    call_of_entries,
    entries_of_sse,
)

pytestmark = pytest.mark.slow

TRANSCRIPT: Final = ROOT / "tests" / "events" / "pinecall" / "data" / "call.sse"
CONTENT: Final = {
    *("text", "from", "to", "caller", "route", "external_id", "arguments", "output", "summary"),
    *("outcome", "recording", "message", "by", "state", "identity", "attributes", "ops"),
    *("said", "phrase", "number", "phone", "digits"),
}
"""Fields of entries that hold what was said, or whose it is."""
ALWAYS: Final = ("+1500555", "Sam Example", '"Ana"', "would like to book")
OWN: Final = {"greeting", "Thursday"}
"""Words that the report has for its own."""
SHORTEST: Final = 8


def _texts(value: Any, inside: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(one, inside or key in CONTENT)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, inside)
    elif inside and isinstance(value, str):
        yield value


def _secrets(entries: list[Any]) -> set[str]:
    names = {str(entry["agent"]) for entry in entries} | {str(entry["call"]) for entry in entries}
    found = {text for entry in entries for text in _texts(entry["data"])}
    return {text for text in found if len(text) >= SHORTEST} - names - OWN | set(ALWAYS)


def _recent(entries: list[Any]) -> list[Any]:
    """The same call, a quarter of an hour ago."""
    by = time.time() - 900 - entries[0]["ts"]
    stamps = ("started_at", "ended_at", "timestamp", "started_speaking_at", "stopped_speaking_at")

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: one + by if key in stamps and isinstance(one, float) else moved(one)
                for key, one in value.items()
            }
        return value

    return [{**moved(entry), "ts": entry["ts"] + by} for entry in entries]


def _account() -> tuple[StubAccount, set[str]]:
    entries = entries_of_sse(TRANSCRIPT.read_text(encoding="utf-8"))
    durable = [entry for entry in entries if not entry["ephemeral"]]
    made = [call_of_entries(_recent(durable)), *calls(3)]
    secrets = _secrets(entries) | {text for one in made for text in _secrets(one.entries)}
    return account_of(made, time.time), secrets


def test_no_text_number_or_name_leaves_the_bridge(tmp_path: Path) -> None:
    account, secrets = _account()
    assert len(secrets) > 30
    seen: dict[str, str] = {}
    with embedded_aws() as endpoint, stub(account) as url:
        aws = Aws(endpoint, "private")
        for name in ("bridge", "worker"):
            (tmp_path / name).mkdir()
        with bridging(
            aws, url, tmp_path / "bridge", log_level="debug", health_port=0, own_metrics="emf"
        ) as bridge:
            await_all(bridge, tmp_path / "bridge", 4)
            seen["the bridge's metrics"] = _page(tmp_path / "bridge", "metrics")
        aws.feed([replace(records_in(aws)[0], data=b"no event")])
        own: dict[str, Any] = {
            **{name: tmp_path / "worker" / name for name in ("records", "dead_letters")},
            "log_level": "debug",
            "log_format": "json",
            "own_metrics": "emf",
        }
        with working(aws, tmp_path / "worker", **own, sink="emf", health_port=0) as worker:
            worker.wait_for_sessions(4)
            seen["the worker's metrics"] = _page(tmp_path / "worker", "metrics")
            assert worker.end() == 0
        seen["the stream"] = b"\n".join(one.data for one in records_in(aws)).decode()
    records = tmp_path / "worker" / "records"
    done = run("report", records, "-o", tmp_path / "worker" / "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for path in sorted(tmp_path.rglob("*")):
        if path.is_file():
            seen[str(path.relative_to(tmp_path))] = path.read_bytes().decode(errors="replace")
    full = ("records", "stderr", "stdout", "page.html", "dead_letters")
    assert all(seen[f"worker/{name}"] for name in full)
    assert all(
        seen[name] for name in ("the stream", "bridge/stderr", "bridge/pinecall-bridge.json")
    )
    found = {
        (place, secret) for place, text in seen.items() for secret in secrets if secret in text
    }
    assert found == set()


def _page(folder: Path, name: str) -> str:
    lines = (folder / "stderr").read_text().splitlines()
    ports = [one["port"] for line in lines if (one := json.loads(line)).get("port")]
    with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/{name}") as answer:
        return str(answer.read().decode())
