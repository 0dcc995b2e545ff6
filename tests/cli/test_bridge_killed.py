"""``bridge pinecall`` killed again and again, and what the worker makes of what it put."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from tests.live import Aws, but_for_the_close, replayed
from tests.pinecall.bridges import (
    LONGEST_S,
    Faster,
    all_finished,
    await_all,
    bridging,
    calls,
    checkpoint_of,
    mapped,
    past_account,
    records_in,
    stub,
)
from worker.testing.pinecall_account import StubFaults, account_of

pytestmark = pytest.mark.slow

KILLS: Final = int(os.environ.get("BRIDGE_KILLS", "6"))
CALLS: Final = 24
SOME: Final = StubFaults(0.03, 0.03, 0.03, 0.02, 0.03, 0.1)


def test_killed_again_and_again_its_sessions_are_those_of_an_undisturbed_run(
    endpoint: str, tmp_path: Path
) -> None:
    """In CI some kills; twenty with BRIDGE_KILLS=20."""
    random = Random(KILLS)
    made = calls(CALLS, ago_s=880, spread_s=500)
    account = account_of(made, Faster(870, 870 / (2.5 * KILLS)))
    account.faults = SOME
    killed, whole = Aws(endpoint, f"bridge-{KILLS}"), Aws(endpoint, f"whole-{KILLS}")
    folders = {name: tmp_path / name for name in ("killed", "whole")}
    for folder in folders.values():
        folder.mkdir()
    begun = 0
    with stub(account) as url:
        for _ in range(KILLS):
            with bridging(killed, url, folders["killed"]) as bridge:
                begun = _await_progress(bridge, folders["killed"], begun)
                time.sleep(random.random() * 0.5)
                bridge.send_signal(signal.SIGKILL)
                assert bridge.wait(LONGEST_S) == -signal.SIGKILL
        with bridging(killed, url, folders["killed"]) as bridge:
            await_all(bridge, folders["killed"], CALLS)
            bridge.send_signal(signal.SIGTERM)
            assert bridge.wait(LONGEST_S) == 0
        account.faults = StubFaults()
        with bridging(whole, url, folders["whole"]) as bridge:
            await_all(bridge, folders["whole"], CALLS)
            bridge.send_signal(signal.SIGTERM)
            assert bridge.wait(LONGEST_S) == 0
    put = {name: records_in(aws) for name, aws in (("killed", killed), ("whole", whole))}
    assert _repeats(put["whole"]) == 0
    assert {one.data for one in put["killed"]} == {one.data for one in put["whole"]}
    assert {one.data for one in put["whole"]} == {one.data for call in made for one in mapped(call)}
    records = {name: replayed(put[name], folders[name]).records for name in put}
    assert len(records["whole"]) == CALLS
    assert but_for_the_close(records["killed"]) == but_for_the_close(records["whole"])


def _await_progress(bridge: Any, folder: Path, begun: int) -> int:
    """Until a bridge has put something more, or is the next to have taken the checkpoint."""
    deadline = time.monotonic() + 60
    while (epoch := checkpoint_of(folder).get("epoch", 0)) <= begun:
        assert bridge.poll() is None, (folder / "stderr").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(epoch)


def _repeats(records: list[Any]) -> int:
    return sum(times - 1 for times in Counter(one.data for one in records).values())


def test_told_to_end_it_ends_soon_and_has_stored_what_it_put(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "told-to-end")
    account = past_account(3)
    with stub(account) as url, bridging(aws, url, tmp_path, shutdown_s=10) as bridge:
        await_all(bridge, tmp_path, 3)
        bridge.send_signal(signal.SIGTERM)
        assert bridge.wait(10) == 0
    assert all_finished(tmp_path, 3)
    assert _repeats(records_in(aws)) == 0


def test_two_bridges_do_not_share_a_checkpoint(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "two-bridges")
    with stub(past_account(1)) as url, bridging(aws, url, tmp_path) as first:
        await_all(first, tmp_path, 1)
        with bridging(aws, url, tmp_path) as second:
            assert second.wait(LONGEST_S) == 3
        assert first.poll() is None


def test_in_a_bucket_the_later_bridge_goes_on(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "bridges-in-a-bucket")
    aws.client("s3").create_bucket(Bucket="bridges")
    account = account_of(calls(8, ago_s=600, spread_s=500), Faster(590, 20))
    places: dict[str, Any] = {
        "pinecall_checkpoint": "s3://bridges/one",
        "pinecall_expired": "s3://bridges/old",
    }
    (tmp_path / "second").mkdir()
    with stub(account) as url, bridging(aws, url, tmp_path, **places) as first:
        _await_started(tmp_path)
        with bridging(aws, url, tmp_path / "second", **places) as second:
            assert first.wait(LONGEST_S) == 3
            second.send_signal(signal.SIGTERM)
            assert second.wait(LONGEST_S) == 0


def _await_started(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while '"calls found"' not in (folder / "stderr").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
