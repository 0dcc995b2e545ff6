"""What the doctor makes of a state's bucket that takes every write, and of one that is none."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from worker.aws.answers import NotTheService
from worker.doctor.facts import ProbeOutcome, ProbeResult
from worker.doctor.probes import Prober
from worker.doctor.probing_places import PROBE, probe_state_bucket
from worker.objectstore.s3 import Bucket

URL = "s3://bucket/state"


def _missing(operation: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": "NoSuchKey", "Message": "none"},
        "ResponseMetadata": {"HTTPStatusCode": 404},
    }
    return ClientError(answer, operation)


class Store:
    """Objects by key; ``strict``: with conditions, which another store ignores."""

    def __init__(self, *, strict: bool) -> None:
        self.objects: dict[str, bytes] = {}
        self._strict = strict

    def put_object(self, **request: Any) -> dict[str, Any]:
        if self._strict and "IfMatch" in request:
            raise _missing("PutObject")
        self.objects[request["Key"]] = request["Body"]
        return {"ETag": '"x"'}

    def get_object(self, **request: Any) -> dict[str, Any]:
        raise _missing("GetObject")

    def head_object(self, **request: Any) -> dict[str, Any]:
        raise _missing("HeadObject")

    def delete_object(self, **request: Any) -> dict[str, Any]:
        self.objects.pop(request["Key"], None)
        return {}

    def list_objects_v2(self, **_: Any) -> dict[str, Any]:
        return {"IsTruncated": False}


class Page(Store):
    """A proxy's page instead of a store."""

    def _refuse(self, **_: Any) -> dict[str, Any]:
        raise NotTheService("S3", 200, "a web page")

    put_object = get_object = head_object = delete_object = list_objects_v2 = _refuse


def asked_of(store: Store) -> dict[str, ProbeResult]:
    prober = Prober(lambda: 0)
    probe_state_bucket(prober, Bucket(store, "bucket", "state"))
    return {one.action: one for one in prober.probed}


@pytest.mark.parametrize("strict", [True, False])
def test_a_store_that_ignores_conditions_is_found_out_and_keeps_nothing(strict: bool) -> None:
    store = Store(strict=strict)
    found = asked_of(store)["s3:PutObject"]
    expected = (ProbeOutcome.ALLOWED, "") if strict else (ProbeOutcome.UNCONDITIONAL, "If-Match")
    assert (found.result, found.detail) == expected
    assert f"state/{PROBE}" not in store.objects


def test_what_is_no_store_is_told_as_that_whatever_is_asked() -> None:
    probed = asked_of(Page(strict=True))
    assert len(probed) == 4
    assert {one.result for one in probed.values()} == {ProbeOutcome.OTHER}
