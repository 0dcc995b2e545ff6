"""Findings from the facts, in the order in which to fix problems. Pure."""

from __future__ import annotations

from worker.doctor.access import access
from worker.doctor.facts import Expectations, Facts
from worker.doctor.findings import Finding
from worker.doctor.stream import stream
from worker.doctor.traffic import traffic


def judge(facts: Facts, expected: Expectations) -> list[Finding]:
    """Run all checks on the facts."""
    return [*access(facts, expected), *stream(facts, expected), *traffic(facts, expected)]
