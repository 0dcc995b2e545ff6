"""What a check has come to: one line, and one of advice where something is to be done. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """``NOT_KNOWN``: it could not be found out, which is no failure."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_KNOWN = "not known"


class Finding(NamedTuple):
    """``check`` names it, ``detail`` is what was found; ``advice`` is empty where all is well."""

    check: str
    verdict: Verdict
    detail: str
    advice: str = ""


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check, Verdict.OK, detail)


def warn(check: str, detail: str, advice: str) -> Finding:
    """It works, and something should be done."""
    return Finding(check, Verdict.WARN, detail, advice)


def fail(check: str, detail: str, advice: str) -> Finding:
    """It doesn't work, or loses something."""
    return Finding(check, Verdict.FAIL, detail, advice)


def not_known(check: str, detail: str, advice: str) -> Finding:
    """It could not be found out."""
    return Finding(check, Verdict.NOT_KNOWN, detail, advice)


def failed(findings: Iterable[Finding]) -> bool:
    """Whether any check has failed."""
    return any(one.verdict is Verdict.FAIL for one in findings)
