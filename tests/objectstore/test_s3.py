"""A bucket of an embedded AWS through boto3: what each call gives, and what a failure means."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber
from urllib3.exceptions import SSLError

from tests.aws.sessions import any_session
from tests.state.commits import STREAM, commit, draft, evicted, key
from tests.state.s3.buckets import EAGER
from worker.destinations.objects import RECORDS, ObjectSink, record_time
from worker.errors import Fenced, Misconfigured
from worker.objectstore.api import KeyPage, Object, StoreFailure, StoreFailureKind
from worker.objectstore.retrying import Access
from worker.objectstore.s3 import Bucket, bucket_at, failure_of, s3_client
from worker.partition.delta import Delta
from worker.state.s3.store import S3Store
from worker.testing.moto_server import REGION, client_of, embedded_aws

_names = count(1)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with embedded_aws() as endpoint:
        yield client_of("s3", endpoint)


@pytest.fixture
def bucket(client: Any) -> Bucket:
    name = f"bucket-{next(_names)}"
    client.create_bucket(Bucket=name)
    return Bucket(client, name, "some/state")


class _Paged:
    """A client whose pages are short."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def list_objects_v2(self, **request: object) -> Any:
        return self._client.list_objects_v2(**request, MaxKeys=3)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def kind(answer: object) -> StoreFailureKind:
    assert isinstance(answer, StoreFailure)
    return answer.kind


def written(answer: str | StoreFailure) -> str:
    assert isinstance(answer, str)
    return answer


def store_in(bucket: Bucket) -> S3Store:
    return S3Store(bucket, observer=lambda failed: pytest.fail(str(failed)), schedule=EAGER)


@pytest.mark.slow
def test_what_is_written_is_read_whole_in_part_and_by_its_tag(bucket: Bucket) -> None:
    tag = written(bucket.put("a", b"0123456789", None))
    assert bucket.get("a") == Object(b"0123456789", tag)
    assert bucket.etag("a") == tag
    assert bucket.get_range("a", 2, 3) == b"234"
    assert bucket.get_range("a", 8, 99) == b"89"
    assert bucket.get_range("a", 10, 1) == b""
    for answer in (bucket.get("b"), bucket.get_range("b", 0, 1), bucket.etag("b")):
        assert kind(answer) is StoreFailureKind.MISSING


@pytest.mark.slow
def test_a_write_that_is_not_as_expected_changes_nothing(bucket: Bucket) -> None:
    first = written(bucket.put("a", b"first", None))
    assert kind(bucket.put("a", b"again", None)) is StoreFailureKind.CHANGED
    second = written(bucket.put("a", b"second", first))
    assert second != first
    assert kind(bucket.put("a", b"third", first)) is StoreFailureKind.CHANGED
    assert bucket.get("a") == Object(b"second", second)
    assert kind(bucket.put("b", b"none there", first)) in (
        StoreFailureKind.MISSING,
        StoreFailureKind.CHANGED,
    )
    assert kind(bucket.get("b")) is StoreFailureKind.MISSING


@pytest.mark.slow
def test_keys_are_listed_by_pages_in_order_and_deleted_ones_are_gone(
    bucket: Bucket, client: Any
) -> None:
    for n in range(7):
        bucket.put(f"segments/{n}", b"x", None)
    bucket.put("other", b"x", None)
    assert bucket.delete("segments/5") is None
    assert bucket.delete("never there") is None
    paged = Bucket(_Paged(client), bucket.url.split("/")[2], "some/state")
    assert paged.keys("segments/") == KeyPage(["segments/0", "segments/1", "segments/2"], True)
    assert paged.keys("segments/", "segments/4") == KeyPage(["segments/6"], False)
    access = Access(paged, lambda _: None, lambda: 0.0, lambda _: None)
    assert list(access.keys("segments/")) == [f"segments/{n}" for n in (0, 1, 2, 3, 4, 6)]
    assert list(access.keys("nothing/")) == []


@pytest.mark.slow
def test_a_store_keeps_compacts_and_gives_back_and_only_its_last_owner_writes(
    bucket: Bucket,
) -> None:
    first = store_in(bucket)
    assert first.acquire(STREAM) == Delta()
    for n in range(4):
        first.append(commit(Delta(counters={"events": 1}), [draft(n)], [evicted(n)]))
        first.compact()
    assert [one.body for one in first.claim("metrics", 9)] == [draft(n).body for n in range(4)]
    second = store_in(bucket)
    assert second.acquire(STREAM).counters == {"events": 4}
    for write in (lambda: first.append(commit()), lambda: first.claim("metrics", 1)):
        with pytest.raises(Fenced, match=bucket.url):
            write()
    assert set(second.load_sessions([key(n) for n in range(9)])) == {key(n) for n in range(4)}
    assert [one.ambiguous for one in second.claim("metrics", 9)] == [1] * 4
    second.compact()
    first.close()
    second.close()


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_the_operators_to_fix(client: Any) -> None:
    nowhere = Bucket(client, "never-made", "")
    with pytest.raises(Misconfigured, match=r"s3://never-made/manifest.*NoSuchBucket"):
        store_in(nowhere).acquire(STREAM)
    assert ObjectSink(nowhere, RECORDS, record_time).bucket_missing()


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("NoSuchKey", 404, StoreFailureKind.MISSING),
        ("NoSuchBucket", 404, StoreFailureKind.BUCKET_MISSING),
        ("AccessDenied", 403, StoreFailureKind.DENIED),
        ("ExpiredToken", 400, StoreFailureKind.UNKNOWN),
        ("RequestTimeout", 400, StoreFailureKind.UNKNOWN),
        ("ConditionalRequestConflict", 409, StoreFailureKind.CONFLICT),
        ("PreconditionFailed", 412, StoreFailureKind.CHANGED),
        ("TooManyRequests", 429, StoreFailureKind.UNKNOWN),
        ("InternalError", 500, StoreFailureKind.UNKNOWN),
        ("SlowDown", 503, StoreFailureKind.UNKNOWN),
    ],
)
def test_a_code_and_a_status_mean_what_s3_means_by_them(
    code: str, status: int, expected: StoreFailureKind
) -> None:
    client: Any = boto3.client(
        "s3", region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any"
    )
    with Stubber(client) as stubbed:
        stubbed.add_client_error("put_object", code, http_status_code=status)
        answer = Bucket(client, "bucket", "").put("a", b"", None)
    assert answer == StoreFailure(expected, f"PutObject: {code} ({status})")


class _Garbled:
    """A client whose answers aren't S3's, or break off."""

    def put_object(self, **request: object) -> Any:
        return {}

    def get_object(self, **request: object) -> Any:
        return {"Body": self, "ETag": "x"}

    def head_object(self, **request: object) -> Any:
        raise RecursionError  # what botocore comes to when it is sent to and fro

    def read(self) -> bytes:
        raise SSLError("decryption failed or bad record mac")


def test_an_answer_that_is_none_is_asked_for_again() -> None:
    client: Any = _Garbled()
    bucket = Bucket(client, "bucket", "")
    assert kind(bucket.put("a", b"", None)) is StoreFailureKind.UNKNOWN
    assert kind(bucket.get("a")) is StoreFailureKind.UNKNOWN
    assert kind(bucket.etag("a")) is StoreFailureKind.UNKNOWN


def test_whatever_may_have_been_applied_is_unknown() -> None:
    for error in (
        ReadTimeoutError(endpoint_url="u"),
        ConnectTimeoutError(endpoint_url="u"),
        EndpointConnectionError(endpoint_url="u"),
        ClientError({}, "PutObject"),
    ):
        assert failure_of(error).kind is StoreFailureKind.UNKNOWN
    assert failure_of(NoCredentialsError()).kind is StoreFailureKind.REFUSED


@pytest.mark.parametrize("url", ["bucket/prefix", "s3://", "https://bucket", "s3://bucket?x=1"])
def test_what_is_no_place_in_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match="s3://bucket/prefix"):
        bucket_at(s3_client(region=REGION, endpoint=None, threads=1, session=any_session()), url)


def test_a_prefix_may_be_missing_and_slashes_around_it_change_nothing() -> None:
    urls = ("s3://bucket", "s3://bucket/", "s3://bucket/a/b", "s3://bucket/a/b/")
    client = s3_client(region=REGION, endpoint=None, threads=1, session=any_session())
    named = [bucket_at(client, url).url for url in urls]
    assert named == ["s3://bucket", "s3://bucket", "s3://bucket/a/b", "s3://bucket/a/b"]
