"""From the facts to the findings, in the order in which to mend what is broken. Pure."""

from __future__ import annotations

from worker.doctor.access import access
from worker.doctor.facts import Expectations, Facts
from worker.doctor.findings import Finding
from worker.doctor.stream import stream
from worker.doctor.traffic import traffic


def judge(facts: Facts, expected: Expectations) -> list[Finding]:
    """All checks, each with its finding."""
    return [*access(facts, expected), *stream(facts, expected), *traffic(facts, expected)]
