"""The command ``health``, and what a running worker tells about itself."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.live import Aws, Live, working
from tests.processes import LONGEST_S, run
from worker.cli.main import cli
from worker.telemetry.http import HttpServer
from worker.telemetry.pages import TEXT, Page
from worker.testing.moto_server import embedded_aws


def health(*options: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, ["health", *map(str, options)], env=env)


@contextmanager
def serving(status: int, text: str | None = None) -> Iterator[int]:
    def page(path: str, _accept: str) -> Page:
        return Page(status, TEXT, f"told at {path}\n" if text is None else text)

    server = HttpServer(page, "127.0.0.1", 0)
    server.start()
    try:
        yield server.port
    finally:
        server.stop(LONGEST_S)


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_the_exit_code_is_what_the_worker_answers(status: int, code: int) -> None:
    with serving(status) as port:
        asked = health("--health-port", port)
    assert (asked.exit_code, asked.stdout) == (code, "told at /healthz\n")


def test_the_port_is_found_where_the_worker_finds_it() -> None:
    with serving(200) as port:
        env = {"VOICE_INSIGHTS_HEALTH_PORT": str(port), "VOICE_INSIGHTS_HEALTH_HOST": "0.0.0.0"}
        assert health(env=env).exit_code == 0


def test_where_nobody_listens_nobody_is_alive() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    asked = health("--health-port", port)
    assert asked.exit_code == 1
    assert f"port {port}" in asked.stdout


def test_what_answers_but_speaks_no_http_is_not_alive() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1)
                client.sendall(b"220 no web server\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        asked = health("--health-port", server.getsockname()[1])
        thread.join()
    assert asked.exit_code == 1


@pytest.mark.slow
def test_without_a_port_the_setting_is_named(tmp_path: Path) -> None:
    asked = run("health", cwd=tmp_path)
    assert asked.returncode == 2
    assert "health_port is not set" in asked.stderr


def page(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def told(worker: Live, event: str) -> list[dict[str, Any]]:
    return [line for line in worker.log_lines if line["event"] == event]


@pytest.mark.slow
def test_a_worker_at_work_is_alive_and_ready_and_tells_its_metrics(tmp_path: Path) -> None:
    with embedded_aws() as endpoint:
        aws = Aws(endpoint, "watched", shards=2)
        with working(aws, tmp_path, health_port=0, own_namespace="Mine") as worker:
            worker.wait_for(lambda: told(worker, "own metrics"), "its metrics")
            port = told(worker, "health served")[0]["port"]
            assert health("--health-port", port).exit_code == 0
            assert page(port, "/readyz") == (200, "ok\n")
            text = page(port, "/metrics")[1]
            assert "\nvoice_insights_worker_shards_live 2.0\n" in text
            assert worker.end() == 0
            assert health("--health-port", port).exit_code == 1
        (directive,) = told(worker, "own metrics")[0]["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Mine"


@pytest.mark.slow
def test_a_worker_that_cannot_reach_aws_is_alive_and_not_ready(tmp_path: Path) -> None:
    with embedded_aws() as endpoint:
        aws = Aws(endpoint, "away", shards=1)
    with working(aws, tmp_path, health_port=0) as worker:
        worker.wait_for(lambda: told(worker, "stream not reached yet"), "its first attempt")
        port = told(worker, "health served")[0]["port"]
        assert health("--health-port", port).exit_code == 0
        assert page(port, "/readyz")[0] == 503
