"""A real worker over an embedded AWS, looked at by its page: it works, dies and comes back."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.live import Aws, portion, working
from tests.page.browser import Browser
from tests.processes import LONGEST_S
from worker.testing.moto_server import embedded_aws

pytestmark = pytest.mark.slow

STATE = "document.getElementById('state').textContent"
PALE = "document.body.classList.contains('stale')"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def known(least: int) -> str:
    return f"DATA && DATA.sessions.sid.length >= {least}"


def test_calls_appear_a_killed_worker_is_told_of_and_a_new_one_goes_on(
    browser: Browser, tmp_path: Path
) -> None:
    port = free_port()
    with embedded_aws() as endpoint:
        aws = Aws(endpoint, "looked-at", shards=1)
        aws.feed(portion(4, 1))
        with working(aws, tmp_path, health_port=port) as worker:
            worker.wait_for(lambda: worker.out.count(b"\n") >= 4, "its first records")
            browser.do("open", url=f"http://127.0.0.1:{port}/#sessions")
            browser.until(known(4))
            assert browser.evaluate(STATE).startswith("live, ")
            first = set(browser.evaluate("DATA.sessions.sid"))
            aws.feed(portion(3, 2))
            browser.until(known(7))
            assert set(browser.evaluate("DATA.sessions.sid")) > first
            assert len(browser.texts(".vt tr.link")) == 7
            worker.process.send_signal(signal.SIGKILL)
            worker.process.wait(LONGEST_S)
            browser.until(f"{STATE}.startsWith('no answer since ')")
            assert browser.evaluate(PALE)
            assert len(browser.texts(".vt tr.link")) == 7
        sid = sorted(first)[0]
        with working(aws, tmp_path, health_port=port) as worker:
            browser.until(f"{STATE}.startsWith('live, ')")
            assert not browser.evaluate(PALE)
            assert browser.evaluate("DATA.sessions.sid") == []
            assert "Since " in browser.evaluate(
                "location.hash = '#fleet', stillComing({ ...DATA.fleet, start: 0 }).textContent"
            )
            browser.do("go", hash=f"#call/{sid}")
            browser.until("document.querySelector('.lanes') !== null")
            aws.feed(portion(2, 3))
            browser.until(known(2))
            assert worker.end() == 0
