"""A bucket's objects through boto3. Shell.

boto3's own retries are off: a conditional write that it repeated unseen would find its own first
attempt and take it for another writer's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from worker.aws.answers import NotTheService
from worker.aws.clients import MALFORMED_RESPONSE, client_errors, endpoint_of, no_retry_config
from worker.aws.errors import drop_tracebacks, not_of, one_line, passes, words_of
from worker.errors import Misconfigured
from worker.objectstore.api import KeyPage, Object, StoreFailure, StoreFailureKind

_T = TypeVar("_T")
S3Response = Mapping[str, Any]


class S3Client(Protocol):
    """The methods of boto3's client that are used. They raise what boto3 raises."""

    def get_object(self, **request: object) -> S3Response:
        """GetObject."""

    def head_object(self, **request: object) -> S3Response:
        """HeadObject."""

    def put_object(self, **request: object) -> S3Response:
        """PutObject."""

    def delete_object(self, **request: object) -> S3Response:
        """DeleteObject."""

    def list_objects_v2(self, **request: object) -> S3Response:
        """ListObjectsV2."""


_FAILURES: Final = (
    *(ClientError, BotoCoreError, HTTPError, NotTheService, ResponseParserError),
    *MALFORMED_RESPONSE,
)
_BY_CODE: Final = {
    "NoSuchBucket": StoreFailureKind.BUCKET_MISSING,
    "RequestTimeout": StoreFailureKind.UNKNOWN,  # the body took too long to arrive
    "RequestTimeTooSkewed": StoreFailureKind.UNKNOWN,
    "ExpiredToken": StoreFailureKind.UNKNOWN,  # boto3 is about to get another
}
_BY_STATUS: Final = {
    403: StoreFailureKind.DENIED,
    404: StoreFailureKind.MISSING,
    408: StoreFailureKind.UNKNOWN,
    409: StoreFailureKind.CONFLICT,
    412: StoreFailureKind.CHANGED,
    429: StoreFailureKind.UNKNOWN,
}


def s3_client(
    *,
    region: str | None,
    endpoint: str | None,
    threads: int,
    session: boto3.Session,
) -> S3Client:
    """Return a client that makes one attempt per call, with the credentials of ``session``.

    ``threads``: how many threads will call at once. ``region`` and ``endpoint``: None leaves them
    to boto3's environment and files. Raises Misconfigured if there is no region, or the endpoint
    isn't a URL.
    """
    config = no_retry_config(threads, s3=None if endpoint is None else {"addressing_style": "path"})
    with client_errors("S3"):
        client: S3Client = session.client(
            "s3", region_name=region, endpoint_url=endpoint, config=config
        )
    return client


def bucket_at(client: S3Client, url: str) -> Bucket:
    """Return the objects at ``s3://bucket/prefix``; the prefix may be missing. Raises Misconfigured
    if ``url`` isn't of that form.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise Misconfigured(f"{url} isn't s3://bucket/prefix")
    return Bucket(client, parts.netloc, parts.path.strip("/"))


class Bucket:
    """An ``ObjectStore``."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self._address = endpoint_of(client)

    def get(self, key: str) -> Object | StoreFailure:
        """See ``ObjectStore.get``."""

        def call() -> Object:
            answer = self._client.get_object(**self._at(key))
            return Object(answer["Body"].read(), answer["ETag"])

        return self._answer(call)

    def get_range(self, key: str, start: int, length: int) -> bytes | StoreFailure:
        """See ``ObjectStore.get_range``."""

        def call() -> bytes:
            span = f"bytes={start}-{start + length - 1}"
            try:
                data: bytes = self._client.get_object(**self._at(key), Range=span)["Body"].read()
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "InvalidRange":
                    return b""  # the object ends before ``start``
                raise
            return data

        return self._answer(call)

    def etag(self, key: str) -> str | StoreFailure:
        """See ``ObjectStore.etag``."""
        return self._answer(lambda: str(self._client.head_object(**self._at(key))["ETag"]))

    def put(self, key: str, data: bytes, expected: str | None) -> str | StoreFailure:
        """See ``ObjectStore.put``."""
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        request = {**self._at(key), **condition, "Body": data}
        return self._answer(lambda: str(self._client.put_object(**request)["ETag"]))

    def delete(self, key: str) -> StoreFailure | None:
        """See ``ObjectStore.delete``."""

        def call() -> None:
            self._client.delete_object(**self._at(key))

        return self._answer(call)

    def keys(self, prefix: str, after: str = "") -> KeyPage | StoreFailure:
        """See ``ObjectStore.keys``; a page has up to 1,000 keys."""
        start = {"StartAfter": self._prefix + after} if after else {}

        def call() -> KeyPage:
            page = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix + prefix, **start
            )
            names = [str(one["Key"]) for one in page.get("Contents", ())]
            return KeyPage([name.removeprefix(self._prefix) for name in names], page["IsTruncated"])

        return self._answer(call)

    def _answer(self, call: Callable[[], _T]) -> _T | StoreFailure:
        try:
            return call()
        except _FAILURES as error:
            drop_tracebacks(error)
            return self._failure(error)

    def _failure(self, error: Exception) -> StoreFailure:
        if isinstance(error, ClientError | BotoCoreError):
            return failure_of(error)
        if isinstance(error, HTTPError):  # a body that breaks off
            words = f"S3's answer broke off: {type(error).__name__}"
        elif isinstance(error, NotTheService):
            words = f"{error} (at {self._address})"
        else:
            words = f"{not_of('S3', error)} (at {self._address})"
        return StoreFailure(StoreFailureKind.UNKNOWN, words)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}


def failure_of(error: ClientError | BotoCoreError) -> StoreFailure:
    """Return the failure that an error means. A call that may have been applied is ``UNKNOWN``."""
    if isinstance(error, BotoCoreError):
        kind = StoreFailureKind.UNKNOWN if passes(error) else StoreFailureKind.REFUSED
        return StoreFailure(kind, f"{type(error).__name__}: {words_of(error)}")
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = one_line(error.response.get("Error", {}).get("Message", ""))
    detail = f"{error.operation_name}: {code} ({status}): {message}".removesuffix(": ")
    if code in _BY_CODE:
        return StoreFailure(_BY_CODE[code], detail)
    if status == 0 or status >= 500:
        return StoreFailure(StoreFailureKind.UNKNOWN, detail)
    return StoreFailure(_BY_STATUS.get(status, StoreFailureKind.REFUSED), detail)
