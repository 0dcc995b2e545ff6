"""Headers that authenticate a request: the operator's own, or AWS's Signature Version 4.

botocore signs the request in its final form, compressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest


class Credentials(Protocol):
    """The credentials of a boto3 session."""

    def get_frozen_credentials(self) -> object:
        """Return the present keys. Raises botocore's errors."""
        ...


class Signer(Protocol):
    """Authenticates the sender of a request."""

    def headers(self, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """Return all headers of a POST of ``body``. Raises botocore's errors."""
        ...


class OwnHeaders:
    """Adds the operator's headers to each request."""

    def __init__(self, own: Mapping[str, str]) -> None:
        self._own = dict(own)

    def headers(self, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        """See ``Signer.headers``."""
        return {**headers, **self._own}


class SignatureV4:
    """Adds AWS's signature for a ``service`` in a ``region``, and the operator's headers."""

    def __init__(
        self, credentials: Credentials, service: str, region: str, own: Mapping[str, str]
    ) -> None:
        self._credentials = credentials
        self._service = service
        self._region = region
        self._own = dict(own)

    def headers(self, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """See ``Signer.headers``."""
        request = AWSRequest("POST", url, {**headers, **self._own}, body)
        keys = self._credentials.get_frozen_credentials()
        SigV4Auth(keys, self._service, self._region).add_auth(request)
        return dict(request.headers.items())


def is_of_aws(url: str) -> bool:
    """Whether an address is one of AWS's."""
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
