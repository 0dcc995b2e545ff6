"""The credentials in this process's environment, to keep them out of any text. Shell."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from worker.logs.redaction import mask_credentials

_NAME: Final = re.compile(
    r"(AWS|TWILIO)_.*(KEY|SECRET|TOKEN|PASSWORD).*|(HTTPS?|ALL)_PROXY|.*_OTLP_.*HEADERS",
    re.IGNORECASE,
)
_NAMES_ONLY: Final = re.compile(r".*(_FILE|_URI|SECRET_ID|SECRET_NAME|SECRET_ARN)", re.IGNORECASE)
_IN_PAIRS: Final = re.compile(r"=([^,]+)")
_USER: Final = re.compile(r"://([^/?#\s@]+)@")


def credentials_in(environ: Mapping[str, str]) -> list[str]:
    """The values of credential variables, the values of headers, and the users and passwords in
    proxy addresses.
    """
    found: list[str] = []
    for name, value in environ.items():
        if not _NAME.fullmatch(name) or _NAMES_ONLY.fullmatch(name):
            continue
        if name.upper().endswith("_PROXY"):
            users = _USER.findall(value)
            found += [part for user in users for part in (user, *user.split(":"))]
        elif name.upper().endswith("_HEADERS"):
            found += _IN_PAIRS.findall(value)
        else:
            found.append(value)
    return found


def without_credentials(text: str) -> str:
    """``text`` with the credentials masked; see ``mask_credentials``."""
    return mask_credentials(text, credentials_in(os.environ))
