"""The checks of Pinecall's side: each fault is one finding, with what to do."""

from __future__ import annotations

import pytest

from worker.doctor.findings import Verdict
from worker.doctor.pinecall import PinecallFacts, pinecall_findings
from worker.pinecall.api import CallsPage, Failure, FailureKind, ListedCall, LogPage
from worker.pinecall.checkpoint import CallProgress, Checkpoint

NOW = 1_000_000_000
LISTED = CallsPage([ListedCall("c1", NOW - 60_000, 9, True), ListedCall("c2", 1, 5, False)], None)
KNOWN = {"c1": CallProgress(read=4), "c2": CallProgress(read=5, finished=True)}
WELL = PinecallFacts(
    None,
    LISTED,
    LogPage([], None, True),
    Checkpoint(1, "s", 1, NOW - 5_000, KNOWN),
    None,
    NOW,
)


def _verdicts(facts: PinecallFacts) -> dict[str, Verdict]:
    return {one.check: one.verdict for one in pinecall_findings(facts)}


def _told(facts: PinecallFacts, check: str) -> str:
    (found,) = (one for one in pinecall_findings(facts) if one.check == check)
    return f"{found.detail} {found.advice}"


def test_where_all_is_well_everything_is_ok_and_the_lag_is_told() -> None:
    assert set(_verdicts(WELL).values()) == {Verdict.OK}
    assert "5 entries" in _told(WELL, "Pinecall: lag")


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_list_that_is_not_given_fails_with_advice(kind: FailureKind) -> None:
    facts = WELL._replace(listed=Failure(kind, "why"), log=None)
    assert _verdicts(facts)["Pinecall"] is Verdict.FAIL
    assert _verdicts(facts)["Pinecall: scope"] is Verdict.NOT_KNOWN
    assert len(_told(facts, "Pinecall").split()) > 2


def test_a_key_without_the_scope_fails_at_the_log() -> None:
    facts = WELL._replace(log=Failure(FailureKind.FORBIDDEN, "403"))
    assert _verdicts(facts)["Pinecall: scope"] is Verdict.FAIL
    assert "scope `calls`" in _told(facts, "Pinecall: scope")


def test_without_a_key_the_problem_is_told() -> None:
    facts = PinecallFacts("no key for Pinecall", None, None, None, None, NOW)
    assert _verdicts(facts)["Pinecall"] is Verdict.FAIL
    assert _verdicts(facts)["Pinecall: bridge"] is Verdict.NOT_KNOWN


def test_a_bridge_that_stands_still_fails() -> None:
    stored = Checkpoint(1, "s", 1, NOW - 900_000, {})
    facts = WELL._replace(checkpoint=stored)
    assert _verdicts(facts)["Pinecall: bridge"] is Verdict.FAIL
    assert "900 s" in _told(facts, "Pinecall: bridge")


def test_calls_under_way_that_nobody_follows_are_a_warning() -> None:
    facts = WELL._replace(checkpoint=Checkpoint(1, "s", 1, NOW - 5_000, {}))
    assert _verdicts(facts)["Pinecall: lag"] is Verdict.WARN


def test_a_checkpoint_that_cannot_be_read_fails() -> None:
    facts = WELL._replace(checkpoint=None, unread="here: damaged")
    assert _verdicts(facts)["Pinecall: bridge"] is Verdict.FAIL
