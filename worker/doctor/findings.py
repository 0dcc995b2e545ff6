"""A check's finding: one line, and a line of advice where there is something to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """The result of a check. ``NOT_KNOWN``: it could not be found out, which is not a failure."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_KNOWN = "not known"


class Finding(NamedTuple):
    """``check``: its name. ``detail``: what was found. ``advice``: empty if nothing is to do."""

    check: str
    verdict: Verdict
    detail: str
    advice: str = ""


def ok(check: str, detail: str) -> Finding:
    """The check passed."""
    return Finding(check, Verdict.OK, detail)


def warn(check: str, detail: str, advice: str) -> Finding:
    """The check passed, but something should be done."""
    return Finding(check, Verdict.WARN, detail, advice)


def fail(check: str, detail: str, advice: str) -> Finding:
    """The check failed: something doesn't work, or loses data."""
    return Finding(check, Verdict.FAIL, detail, advice)


def not_known(check: str, detail: str, advice: str) -> Finding:
    """The answer could not be found out."""
    return Finding(check, Verdict.NOT_KNOWN, detail, advice)


def failed(findings: Iterable[Finding]) -> bool:
    """Whether any check has failed."""
    return any(one.verdict is Verdict.FAIL for one in findings)
