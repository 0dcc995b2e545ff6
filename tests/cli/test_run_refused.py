"""``run`` on a stream that refuses its credentials: renewed ones are used, others end it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from tests.processes import LONGEST_S, started
from worker.testing.moto_server import REGION

pytestmark = pytest.mark.slow

ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "DescribeStreamSummary": {
        "StreamDescriptionSummary": {
            "StreamName": "s",
            "StreamARN": f"arn:aws:kinesis:{REGION}:123456789012:stream/s",
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_790_000_000.0,
            "EnhancedMonitoring": [],
            "OpenShardCount": 1,
        }
    },
    "ListShards": {"Shards": [{"ShardId": "shardId-000000000000"}]},
    "GetShardIterator": {"ShardIterator": "i"},
    "GetRecords": {"Records": [], "NextShardIterator": "i", "MillisBehindLatest": 0},
}
EXPIRED: Final = {
    "__type": "ExpiredTokenException",
    "message": "The security token included in the request is expired",
}


class Stream:
    """An empty stream. ``refused``: access keys whose token is over; ``taken``: those accepted."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.taken: set[str] = set()
        self.url = ""

    @contextmanager
    def served(self) -> Iterator[Stream]:
        stream = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                key = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                over = key in stream.refused
                if not over:
                    stream.taken.add(key)
                body = json.dumps(EXPIRED if over else ANSWERS[operation]).encode()
                self.send_response(400 if over else 200)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()


def waited_for(done: Callable[[], object]) -> None:
    until = time.monotonic() + LONGEST_S
    while not done():
        assert time.monotonic() < until
        time.sleep(0.1)


@contextmanager
def worker(stream: Stream, folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    settings = ("--stream", "s", "--endpoint-url", stream.url, "--region", REGION)
    with (
        (folder / "log").open("wb") as log,
        started("run", *settings, "--sink", "emf", cwd=folder, env=env, stderr=log) as process,
    ):
        yield process


def test_expired_credentials_of_the_environment_end_it_with_what_to_renew(tmp_path: Path) -> None:
    own = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "x"}
    with Stream().served() as stream, worker(stream, tmp_path, own) as process:
        waited_for(lambda: '"started"' in (tmp_path / "log").read_text(encoding="utf-8"))
        stream.refused.add("AKIA1")
        assert process.wait(LONGEST_S) == 2
    *_, last = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert json.loads(last)["event"] == "stopped"
    assert "AWS_SESSION_TOKEN, and start again" in json.loads(last)["error"]


def test_credentials_written_anew_are_used_by_a_worker_under_way(tmp_path: Path) -> None:
    path = tmp_path / "credentials"

    def write(key: str) -> None:
        path.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key=x\n")

    write("AKIA1")
    own = {"AWS_SHARED_CREDENTIALS_FILE": str(path)}
    with Stream().served() as stream, worker(stream, tmp_path, own) as process:
        waited_for(lambda: "AKIA1" in stream.taken)
        stream.refused.add("AKIA1")
        write("AKIA2")
        waited_for(lambda: "AKIA2" in stream.taken)
        process.terminate()
        assert process.wait(LONGEST_S) == 0
