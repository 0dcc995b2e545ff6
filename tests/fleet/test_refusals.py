"""What a leased keyed shard's processor refuses, it refuses before anything of it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.routed import LAYOUT, SHARD
from tests.fleet.served import HALF, Keyed, Lease, Task, summed, traffic
from tests.scenes import BASE
from worker.errors import ChainBroken, Misconfigured, VoiceInsightsError
from worker.fleet.bundles import Bundle, BundleItem, SourceProgress, encode_bundle
from worker.fleet.processor import LeasedRecord


def refused(*records: bytes) -> list[LeasedRecord]:
    keyed = Keyed()
    keyed.route(traffic()[:HALF])
    keyed.put(records)
    return keyed.records


def stretch(after: str, bucket: int = 3, fleet: int = LAYOUT.fingerprint) -> bytes:
    items = [BundleItem("999", BASE, b"{}")]
    return encode_bundle(Bundle(fleet, bucket, SourceProgress(SHARD, after, "999", BASE), items))


@pytest.mark.parametrize(
    ("data", "error", "code"),
    [
        (stretch("998"), ChainBroken, 1),
        (stretch("129", fleet=7), Misconfigured, 2),
        (stretch("129", bucket=LAYOUT.buckets), Misconfigured, 2),
        (b"\x01nonsense", VoiceInsightsError, 1),
        (b"\x63", VoiceInsightsError, 1),
    ],
    ids=["beyond", "another fleet", "another shard's", "damaged", "of another version"],
)
def test_what_can_not_be_taken_ends_the_process_before_anything_of_it_counts(
    tmp_path: Path, data: bytes, error: type[VoiceInsightsError], code: int
) -> None:
    task, lease, keyed = Task(tmp_path), Lease(), refused(data)
    processor = task.begun()
    processor.process(keyed[:-1], 0, lease)
    task.now_s += 5.0
    with pytest.raises(error) as caught:
        processor.process(keyed[-1:], 0, lease)
    assert caught.value.exit_code == code
    assert task.observer.refused == 1
    processor.process([], None, lease)
    processor.tick()
    processor.shard_ended(lease)
    processor.shutdown_requested(lease)
    assert lease.checkpoints == []
    assert processor.buckets == ()
    assert summed(tmp_path)["occurrences"] == 0


def test_a_broken_chain_is_found_again_by_every_next_owner(tmp_path: Path) -> None:
    for _ in range(3):
        task, lease = Task(tmp_path), Lease()
        processor = task.begun()
        with pytest.raises(ChainBroken) as caught:
            processor.process(refused(stretch("998")), 0, lease)
        assert (caught.value.bucket, caught.value.shard, caught.value.after) == (3, SHARD, "998")
