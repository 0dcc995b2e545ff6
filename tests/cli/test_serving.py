"""What a running worker serves: its page, its status, and nothing of them if it may not."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.cli.test_health import page, told
from tests.live import Aws, Live, calls, working
from tests.processes import LONGEST_S
from worker.cli.main import cli
from worker.telemetry.status_page import STATUS_PATH
from worker.testing.moto_server import embedded_aws
from worker.testing.traffic import simulated_records

pytestmark = pytest.mark.slow


def served_at(worker: Live) -> int:
    worker.wait_for(lambda: told(worker, "health served"), "its port")
    port = told(worker, "health served")[0]["port"]
    assert isinstance(port, int)
    return port


def data(port: int, name: str) -> dict[str, Any]:
    status, text = page(port, f"/page/data/{name}")
    assert status == 200, text
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def test_a_worker_at_work_serves_its_page_with_the_calls_that_it_has_read(tmp_path: Path) -> None:
    with embedded_aws() as endpoint:
        aws = Aws(endpoint, "looked-at", shards=2)
        aws.feed(simulated_records(calls(6), 3))
        with working(aws, tmp_path, health_port=0) as worker:
            port = served_at(worker)
            worker.wait_for(lambda: data_or_none(port, "fleet.json"), "its first commit")
            assert page(port, "/")[0] == 302
            assert "<html" in page(port, "/page")[1]
            worker.wait_for(lambda: data(port, "sessions.json")["rows"], "a session")
            sid = data(port, "sessions.json")["rows"][0]["sid"]
            assert page(port, f"/page/data/call/{sid}.json")[0] == 200
            status = CliRunner().invoke(cli, ["status", "--health-port", str(port)])
            assert "  requests      " in status.stdout
            assert worker.end() == 0


def data_or_none(port: int, name: str) -> str | None:
    status, text = page(port, f"/page/data/{name}")
    return text if status == 200 else None


def test_where_others_may_ask_there_is_no_page_unless_it_is_wanted(tmp_path: Path) -> None:
    with embedded_aws() as endpoint:
        aws = Aws(endpoint, "open", shards=1)
        with working(aws, tmp_path, health_port=0, health_host="0.0.0.0") as worker:
            port = served_at(worker)
            assert page(port, "/page")[0] == page(port, STATUS_PATH)[0] == 404
            (line,) = told(worker, "health served")
            assert (line["page"], "set page to on" in line["to_see_it"]) == ("off", True)
            assert worker.end() == 0


def test_a_page_of_another_site_is_refused(tmp_path: Path) -> None:
    with embedded_aws() as endpoint:
        aws = Aws(endpoint, "guarded", shards=1)
        with working(aws, tmp_path, health_port=0) as worker:
            port = served_at(worker)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_S)
            connection.request("GET", STATUS_PATH, headers={"Host": f"evil.example:{port}"})
            assert connection.getresponse().status == 421
            connection.close()
            assert worker.end() == 0
