"""The command ``demo``, as a newcomer runs it."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from tests.live import last_revisions
from tests.processes import run
from worker.state.sqlite.store import SqliteStore

pytestmark = pytest.mark.slow

SESSIONS = 5
FOREIGN = {
    "AWS_PROFILE": "nope",
    "AWS_RETRY_MODE": "bogus",
    "AWS_CA_BUNDLE": "/nope",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "VOICE_INSIGHTS_ENDPOINT_URL": "http://127.0.0.1:9",
}
"""What people have in their environment, and the demo needs nothing of."""


def left_by_an_earlier_one(folder: Path) -> None:
    """What a demo leaves, of a stream that is no more, and something of the user's own."""
    folder.mkdir()
    with closing(SqliteStore(folder / "state.sqlite")) as store:
        store.acquire("an earlier demo's stream")
    for name in ("sessions.jsonl", "dead-letters.jsonl", "worker.log"):
        (folder / name).write_text('{"session_id": "VX-earlier"}\n')
    (folder / "notes.txt").write_text("mine")


def counts_are_equal(shown: str, records: Path) -> None:
    """One line has CloudWatch's counts, and they are what the session records add up to."""
    (line,) = re.findall(r"^Equal in CloudWatch and in the session records: (.*)$", shown, re.M)
    assert "Different" not in line
    told = dict(re.findall(r"(\w+) ([\d,]+)[,.]?", line))
    lines = last_revisions(records.read_bytes()).values()
    waits = [one["latency_ms"]["caller_wait"] or {"count": 0} for one in lines]
    for metric, count in (
        ("SessionsEnded", SESSIONS),
        ("Turns", sum(one["turns"] for one in lines)),
        ("Prompts", sum(one["prompts"] for one in lines)),
        ("Tokens", sum(one["tokens"]["total"] for one in lines)),
        ("CallerWait", sum(one["count"] for one in waits)),
    ):
        assert int(told[metric].replace(",", "")) == count > 0


def test_it_shows_the_whole_worker_at_work_and_can_be_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "demo-output"
    left_by_an_earlier_one(folder)
    (tmp_path / "voice-insights.toml").write_text('sink = "emf"\nstart = "latest"\n')
    done = run("demo", "--sessions", SESSIONS, cwd=tmp_path, env=FOREIGN)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for title in ("What CloudWatch holds", "went worst", "Written:"):
        assert title in done.stdout
        assert title not in done.stderr
    for metric in ("CallerWait", "ResponseLatency", "SessionsEnded", "DeliveryDelay"):
        assert metric in done.stdout
    for progress in ("embedded AWS", "40 times as fast", f"of {SESSIONS} sessions"):
        assert progress in done.stderr
    counts_are_equal(done.stdout, folder / "sessions.jsonl")
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    last = done.stdout.splitlines()[-1]
    assert re.search(r"open \S+/report.html in a browser; see turn \d+ of VX\w+: the caller", last)
    delays = re.findall(r"^ *DeliveryDelay \(ms\) +[\d,]+ +([\d,.]+)", done.stdout, re.MULTILINE)
    assert [0 < float(one.replace(",", "")) < 60_000 for one in delays] == [True]
    named = re.findall(r"^  (\S+)  \([\d,]+ bytes\)$", done.stdout, re.MULTILINE)
    assert {Path(name).name for name in named} >= {"sessions.jsonl", "state.sqlite", "worker.log"}
    assert all((tmp_path / name).exists() for name in named)
    assert len(last_revisions((folder / "sessions.jsonl").read_bytes())) == SESSIONS
    for name in ("sessions.jsonl", "dead-letters.jsonl", "worker.log"):
        assert "VX-earlier" not in (folder / name).read_text()
    assert (folder / "notes.txt").read_text() == "mine"
    worst = re.findall(r"VX[0-9a-f]{32}", done.stdout)[0]
    shown = run("session", worst, "--records", folder / "sessions.jsonl", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip() in done.stdout


def test_a_place_that_is_no_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    done = run("demo", "--out", "taken", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["voice-insights: --out taken: File exists"]
    assert (tmp_path / "taken").read_text() == "mine"


def test_as_few_sessions_as_show_nothing_are_refused(tmp_path: Path) -> None:
    done = run("demo", "--sessions", 0, cwd=tmp_path)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []
