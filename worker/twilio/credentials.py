"""The credentials for Twilio: from the environment, or from a secret of AWS Secrets Manager."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from worker.errors import Misconfigured

SECRET_ID: Final = "TWILIO_SECRET_ID"  # noqa: S105 - the name of a variable
PAIRS: Final = (
    ("TWILIO_API_KEY", "TWILIO_API_SECRET"),
    ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
)
"""The names that user and secret go by, in the environment and in a secret; the first pair of
which one is there counts.
"""

_USER: Final = re.compile(r"(SK|AC)[0-9a-f]{32}", re.ASCII)
_SECRET: Final = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class TwilioCredentials:
    """``user``: the SID of an API key, or of an account. The secret is in no text of this."""

    user: str
    secret: str = field(repr=False)


def find_credentials(
    environ: Mapping[str, str], read_secret: Callable[[str], str]
) -> TwilioCredentials:
    """The credentials that the environment gives or names.

    ``read_secret``: the text of a secret by its name or ARN. Raises ``Misconfigured`` if there
    are none, or none that could be right.
    """
    name = environ.get(SECRET_ID)
    if name:
        return _pair(_secret_fields(read_secret(name)), f"in the secret that {SECRET_ID} names")
    return _pair(environ, "in the environment")


def _secret_fields(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeEncodeError):
        # without a cause: a decoder's error may quote what it read
        raise Misconfigured(
            f"the secret that {SECRET_ID} names is no JSON object of texts"
        ) from None


def _pair(values: Mapping[str, str], where: str) -> TwilioCredentials:
    for user_name, secret_name in PAIRS:
        user, secret = values.get(user_name, "").strip(), values.get(secret_name, "").strip()
        if not user and not secret:
            continue
        if not user or not secret:
            missing, other = (secret_name, user_name) if user else (user_name, secret_name)
            raise Misconfigured(f"{missing} is missing beside {other} {where}")
        if not _USER.fullmatch(user):
            raise Misconfigured(
                f"{user_name} {where} is no SID of an API key (SK…) or account (AC…)"
            )
        if not _SECRET.fullmatch(secret):
            raise Misconfigured(f"{secret_name} {where} can't be right: it has spaces or the like")
        return TwilioCredentials(user, secret)
    first, second = PAIRS[0]
    raise Misconfigured(
        f"no credentials for Twilio: set {first} and {second}, or {SECRET_ID} to the name of a "
        "secret in AWS Secrets Manager that has both"
    )
