"""Twilio's credentials, from the environment or from a secret in AWS Secrets Manager."""

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
"""The names of user and secret, in the environment and in a stored secret. The first pair of which
either name is set is used.
"""

_USER: Final = re.compile(r"(SK|AC)[0-9a-f]{32}", re.ASCII)
_SECRET: Final = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class TwilioCredentials:
    """``user``: the SID of an API key or an account. ``repr`` leaves the secret out."""

    user: str
    secret: str = field(repr=False)


def find_credentials(
    environ: Mapping[str, str], read_secret: Callable[[str], str]
) -> TwilioCredentials:
    """Find the credentials that the environment contains or names.

    ``read_secret``: returns a secret's text by its name or ARN. Raises ``Misconfigured`` if there
    are no credentials, or if they can't be valid.
    """
    name = environ.get(SECRET_ID)
    if name:
        return _pair(_secret_fields(read_secret(name)), f"in the secret that {SECRET_ID} names")
    return _pair(environ, "in the environment")


def _secret_fields(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeEncodeError):
        # without the cause: a decoder's error may quote its input
        raise Misconfigured(
            f"the secret that {SECRET_ID} names is not a JSON object of texts"
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
                f"{user_name} {where} is not the SID of an API key (SK…) or account (AC…)"
            )
        if not _SECRET.fullmatch(secret):
            raise Misconfigured(f"{secret_name} {where} can't be valid: it has spaces or the like")
        return TwilioCredentials(user, secret)
    first, second = PAIRS[0]
    raise Misconfigured(
        f"no credentials for Twilio: set {first} and {second}, or {SECRET_ID} to the name of a "
        "secret in AWS Secrets Manager that contains both"
    )
