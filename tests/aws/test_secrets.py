"""Of an error of a library only what can't hold a credential is told."""

from __future__ import annotations

import inspect
from typing import Any, Final, NamedTuple

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError, HTTPClientError

from worker.aws.secrets import UnsendableCredential, require_sendable, safe_words
from worker.errors import Misconfigured

SECRET: Final = "EXAMPLESESSIONTOKEN"
QUOTING: Final = (
    botocore.exceptions.ConnectionError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.LoginError,
    botocore.exceptions.MetadataRetrievalError,
    botocore.exceptions.ParamValidationError,
    botocore.exceptions.SSOTokenLoadError,
    botocore.exceptions.TokenRetrievalError,
)
"""Errors that hold what an HTTP client, a provider of credentials, or the caller has said."""


class Keys(NamedTuple):
    access_key: Any
    secret_key: Any
    token: Any


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(botocore.exceptions).values()
        if inspect.isclass(kind) and issubclass(kind, QUOTING)
    ],
)
def test_no_error_of_botocores_tells_what_an_http_client_or_a_provider_said(kind: Any) -> None:
    fields = {
        name: ValueError(f"Invalid header value b'{SECRET}\\n'")
        if name == "error"
        else f"'{SECRET}' in Authorization: {SECRET}"
        if name in ("error_msg", "report")
        else f"http://user:{SECRET}@host"
        if name.endswith("url")
        else "named"
        for name in _names(kind.fmt)
    }
    told = safe_words(kind(**fields))
    assert SECRET not in told
    assert "\n" not in told
    assert told


def _names(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]} | {"error", "error_msg"}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidSignatureException", f"expected 'POST\n/\nx-amz-security-token:{SECRET}'"),
        ("IncompleteSignatureException", f"'{SECRET}' not a valid key=value pair"),
        ("SignatureDoesNotMatch", f"StringToSign {SECRET}"),
        ("AuthorizationHeaderMalformed", f"'{SECRET}' is malformed"),
        ("Weird", f"you sent Authorization: AWS4-HMAC-SHA256 Credential={SECRET}"),
    ],
)
def test_a_service_that_quotes_headers_is_not_quoted(code: str, message: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}}, "GetRecords")
    told = safe_words(error)
    assert SECRET not in told
    assert code in told
    assert "GetRecords" in told


def test_a_service_that_says_why_is() -> None:
    told = "User: arn:aws:iam::1:user/x is not authorized to perform: kinesis:GetRecords"
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": told}}, "GetRecords")
    assert told in safe_words(error)


def test_a_header_that_can_not_be_sent_is_called_that() -> None:
    error = HTTPClientError(error=ValueError(f"Invalid header value b'{SECRET}\\n'"))
    assert "line break" in safe_words(error)


def test_errors_of_other_libraries_are_told_by_their_kind_and_ours_by_their_words() -> None:
    assert safe_words(ValueError(SECRET)) == "ValueError"
    assert safe_words(Misconfigured("set --region")) == "set --region"


GOOD: Final = Keys("AKIAEXAMPLE", "wJalr+/=EXAMPLE", "FwoGZX//8=")


@pytest.mark.parametrize("keys", [GOOD, GOOD._replace(token=None)])
def test_what_can_be_sent_is_no_trouble(keys: Keys) -> None:
    require_sendable(keys, "env")


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("access_key", "AWS_ACCESS_KEY_ID"),
        ("secret_key", "AWS_SECRET_ACCESS_KEY"),
        ("token", "AWS_SESSION_TOKEN"),
    ],
)
@pytest.mark.parametrize("spoilt", ["{}\n", "\r\n{}", "{}\n{}", " {}", "{}\u200b", "{}\x00"])
def test_a_credential_that_can_not_be_sent_is_named_and_not_shown(
    field: str, name: str, spoilt: str
) -> None:
    value = spoilt.format(SECRET, SECRET)
    with pytest.raises(UnsendableCredential) as caught:
        require_sendable(GOOD._replace(**{field: value}), "env")
    told = str(caught.value)
    assert name in told
    assert ("a line break" in told) is ("\n" in value)
    assert SECRET not in told
    assert len(told.splitlines()) == 1
    assert safe_words(caught.value) == told
