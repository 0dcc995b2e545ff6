"""The key for Pinecall: from the environment, or from a secret of AWS Secrets Manager."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from worker.errors import Misconfigured

API_KEY: Final = "PINECALL_API_KEY"
KEY_SECRET_ID: Final = "PINECALL_SECRET_ID"  # noqa: S105 - the name of a variable

_KEY: Final = re.compile(r"[!-~]{8,512}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that can read calls. Neither ``repr`` nor ``str`` contains it."""

    value: str = field(repr=False)


def find_key(environ: Mapping[str, str], read_secret: Callable[[str], str]) -> ApiKey:
    """Return the key that the environment gives or names.

    ``read_secret``: the text of a secret by its name or ARN; the text is the key, or a JSON object
    with the key as PINECALL_API_KEY. Raises ``Misconfigured`` if there is no key, or only one that
    can't be valid.
    """
    name = environ.get(KEY_SECRET_ID)
    if name:
        where = f"the secret that {KEY_SECRET_ID} names"
        return _checked(_of_secret(read_secret(name), where), f"the key in {where}")
    key = environ.get(API_KEY, "").strip()
    if not key:
        raise Misconfigured(
            f"no key for Pinecall: set {API_KEY}, or {KEY_SECRET_ID} to the name of a secret in "
            "AWS Secrets Manager that holds it"
        )
    return _checked(key, API_KEY)


def _of_secret(text: str, where: str) -> str:
    if not text.lstrip().startswith("{"):
        return text.strip()
    try:
        return msgspec.json.decode(text, type=dict[str, str]).get(API_KEY, "").strip()
    except (msgspec.DecodeError, UnicodeEncodeError):
        # without a cause: a decoder's error may quote what it read
        raise Misconfigured(f"{where} is no JSON object of texts") from None


def _checked(key: str, what: str) -> ApiKey:
    if not _KEY.fullmatch(key):
        raise Misconfigured(f"{what} can't be right: it is empty, too short, or has spaces")
    return ApiKey(key)
