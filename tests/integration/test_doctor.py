"""The doctor against LocalStack: all checks answered, and what is broken told in its line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.localstack import LocalStack
from tests.live import Aws
from tests.processes import AWS, run
from tests.scenes import envelope
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records

pytestmark = pytest.mark.slow

BUCKET: Final = "s3://voice-insights"
NOWHERE: Final = "http://127.0.0.1:1"


def checks(localstack: LocalStack, folder: Path, **changed: str) -> dict[str, dict[str, Any]]:
    """What the command finds, by check, of a whole deployment but for what is ``changed``."""
    settings = {
        "stream": "examined",
        "endpoint-url": localstack.endpoint,
        "region": AWS["AWS_DEFAULT_REGION"],
        "state": f"{BUCKET}/examined",
        "records": BUCKET,
        **changed,
    }
    given = [word for name, value in settings.items() for word in (f"--{name}", value)]
    done = run("doctor", "--json", *given, cwd=folder, env=AWS)
    found = json.loads(done.stdout)
    assert done.returncode == found["failed"], done.stderr
    return {one["check"]: one for one in found["checks"]}


@pytest.fixture(scope="module")
def examined(localstack: LocalStack) -> LocalStack:
    """With a stream of calls, some of whose records can't be read."""
    now = time.time_ns() // 1_000_000
    shape = Traffic(
        sessions=12, start_ms=now - 60_000, spread_s=30.0, delay_median_s=0.0, malformed=0.05
    )
    Aws(localstack.endpoint, "examined", shards=2).feed(list(simulated_records(shape, 1)))
    return localstack


def test_every_check_is_answered(examined: LocalStack, tmp_path: Path) -> None:
    found = checks(examined, tmp_path)
    assert len(found) > 20
    verdicts = {name: one["verdict"] for name, one in found.items()}
    assert set(verdicts.values()) <= {"ok", "warn"}, verdicts
    assert verdicts["events"] == "warn"


@pytest.mark.parametrize(
    ("changed", "check", "told"),
    [
        ({"stream": "missing"}, "kinesis:DescribeStreamSummary of missing", "doesn't exist"),
        ({"region": "eu-west-1"}, "kinesis:DescribeStreamSummary of examined", "doesn't exist"),
        ({"endpoint-url": NOWHERE}, "kinesis:DescribeStreamSummary of examined", "reached"),
        ({"state": "s3://missing/state"}, "state", "NoSuchBucket"),
    ],
)
def test_what_is_broken_is_told_in_its_line(
    examined: LocalStack, tmp_path: Path, changed: dict[str, str], check: str, told: str
) -> None:
    found = checks(examined, tmp_path, **changed)
    assert found[check]["verdict"] == "fail"
    assert told in found[check]["detail"]
    assert found[check]["advice"]


def test_gateway_events_without_relay_events_point_at_advanced_features(
    localstack: LocalStack, tmp_path: Path
) -> None:
    aws = Aws(localstack.endpoint, "plain", shards=1)
    now = time.time_ns() // 1_000_000
    aws.feed(Record("s", "1", now, envelope(None, 0, group="payment_info"), "") for _ in "12")
    found = checks(localstack, tmp_path, stream=aws.stream)
    assert found["Advanced Features"]["verdict"] == "warn"
    assert "Advanced Features" in found["Advanced Features"]["advice"]
