"""Error texts of libraries without credentials, and credentials that can't be sent.

An HTTP client quotes the header that it can't send, a service quotes the request that it can't
verify, a credential provider quotes the answer that it got: all of these may contain credentials.
So only an error's type is shown, and its text only if it is known to have names and addresses
alone.
"""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

from botocore import exceptions as of_botocore
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from worker.aws.answers import NotTheService
from worker.errors import VoiceInsightsError
from worker.logs.credentials import without_credentials

_QUOTING: Final = (
    of_botocore.ConnectionError,
    of_botocore.CredentialRetrievalError,
    of_botocore.HTTPClientError,
    of_botocore.LoginError,
    of_botocore.MetadataRetrievalError,
    of_botocore.ParamValidationError,
    of_botocore.SSOTokenLoadError,
    of_botocore.TokenRetrievalError,
)
"""botocore's errors whose text may quote a request or an answer."""
_NAMING: Final = (
    of_botocore.ConnectTimeoutError,
    of_botocore.ConnectionClosedError,
    of_botocore.EndpointConnectionError,
    of_botocore.ProxyConnectionError,
    of_botocore.ReadTimeoutError,
)
"""Those of them whose text has only an address."""

_SIGNATURE: Final = re.compile(r".*(Signature|AuthorizationHeader).*")
"""Error codes with which AWS quotes the request's headers."""

_UNSENDABLE: Final = re.compile(r"[^!-~]")
_LINE_BREAK: Final = re.compile(r"[\r\n]")


def safe_words(error: BaseException) -> str:
    """The part of an error's text that may be shown."""
    if isinstance(error, VoiceInsightsError):
        return without_credentials(str(error))
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        message = "" if _SIGNATURE.fullmatch(code) else error.response["Error"].get("Message", "")
        text = without_credentials(f"{error.operation_name}: {code}: {message}")
        return " ".join(text.split()).removesuffix(":")
    if isinstance(error, NotTheService) or (
        isinstance(error, BotoCoreError)
        and (isinstance(error, _NAMING) or not isinstance(error, _QUOTING))
    ):
        return without_credentials(str(error))
    return f"{type(error).__name__}{_cause(error)}"


def _cause(error: BaseException) -> str:
    """The error's cause: only its type, and the credential provider's name."""
    kwargs = getattr(error, "kwargs", {})
    if isinstance(error, HTTPClientError) and isinstance(kwargs.get("error"), ValueError):
        return ": a header can't be sent, as when a credential contains a line break"
    provider = kwargs.get("provider")
    if isinstance(provider, str):
        return f": can't load credentials from {provider}"
    address = kwargs.get("endpoint_url")
    if isinstance(address, str):
        return f": {without_credentials(address)}"
    cause = kwargs.get("error")
    return f": {type(cause).__name__}" if isinstance(cause, BaseException) else ""


class UnsendableCredential(BotoCoreError):  # type: ignore[misc]  # botocore is untyped
    """A credential that no header can carry, or that can't be AWS's."""

    fmt = "{name}, found by {method}, contains {fault}: set it again"


class Keys(Protocol):
    """botocore's frozen credentials."""

    @property
    def access_key(self) -> Any:
        """AWS_ACCESS_KEY_ID."""

    @property
    def secret_key(self) -> Any:
        """AWS_SECRET_ACCESS_KEY."""

    @property
    def token(self) -> Any:
        """AWS_SESSION_TOKEN, if there is one."""


def require_sendable(keys: Keys, method: str) -> None:
    """Raise ``UnsendableCredential``, which names a credential without showing it, if a key or the
    token contains a line break or another impossible character. ``method``: how they were found.
    """
    named = (
        ("AWS_ACCESS_KEY_ID", keys.access_key),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_key),
        ("AWS_SESSION_TOKEN", keys.token),
    )
    for name, value in named:
        if isinstance(value, str) and _UNSENDABLE.search(value):
            breaks = _LINE_BREAK.search(value)
            fault = "a line break" if breaks else "a space or another impossible character"
            raise UnsendableCredential(name=name, method=method, fault=fault)
