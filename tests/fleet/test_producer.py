"""Everything is acknowledged before a put returns, or the process stops."""

from __future__ import annotations

import pytest

from tests.fleet.keyed import LAYOUT, Keyed, Waits, producer
from worker.errors import Misconfigured
from worker.fleet.producer import BundleProducer
from worker.fleet.routing import BundlePut

PUTS = [BundlePut(bucket, bytes([bucket])) for bucket in range(4)]


def test_each_bucket_s_record_has_its_hash_key() -> None:
    keyed = Keyed()
    assert producer(keyed).put(PUTS)
    assert [one["ExplicitHashKey"] for one in keyed.taken] == [
        str(LAYOUT.hash_key(bucket)) for bucket in range(4)
    ]


def test_only_what_was_refused_is_put_again() -> None:
    keyed, waits = Keyed("throttled", "throttled"), Waits()
    assert producer(keyed, waits).put(PUTS)
    assert sorted(one["Data"] for one in keyed.taken) == [one.data for one in PUTS]
    assert [len(one) for one in keyed.requests] == [4, 2, 1]
    assert len(waits.seconds) == 2


def test_what_has_no_known_outcome_is_put_again() -> None:
    keyed = Keyed("lost")
    assert producer(keyed).put(PUTS)
    assert [one["Data"] for one in keyed.taken] == [one.data for one in PUTS] * 2


def test_records_refused_for_expired_credentials_are_put_again() -> None:
    keyed = Keyed("ExpiredTokenException", "ExpiredTokenException")
    assert producer(keyed).put(PUTS)
    assert [one["Data"] for one in keyed.taken] == [one.data for one in PUTS]


def test_puts_are_given_up_once_the_process_stops() -> None:
    keyed = Keyed(*["InternalFailure"] * 9)
    told = list[tuple[str, int]]()
    one = BundleProducer(
        LAYOUT,
        "keyed",
        Keyed(*["ThrottlingException"] * 9),
        Waits(2),
        lambda: 0.5,
        lambda reason, attempt: told.append((reason, attempt)),
    )
    assert not one.put(PUTS)
    assert [attempt for _, attempt in told] == [1, 2, 3]
    assert keyed.taken == []


def test_a_stream_that_does_not_exist_is_the_operator_s_fault() -> None:
    with pytest.raises(Misconfigured, match="no stream keyed"):
        producer(Keyed("ResourceNotFoundException")).put(PUTS)


def test_a_request_is_never_larger_than_put_records_takes() -> None:
    keyed = Keyed()
    large = [BundlePut(number % 4, bytes(1_000_000)) for number in range(11)]
    assert producer(keyed).put(large)
    assert [len(one) for one in keyed.requests] == [4, 4, 3]
    assert producer(keyed).put([BundlePut(0, b"x")] * 1_001)
    assert [len(one) for one in keyed.requests[3:]] == [500, 500, 1]


def test_nothing_takes_no_request() -> None:
    keyed = Keyed()
    assert producer(keyed).put([])
    assert keyed.requests == []
