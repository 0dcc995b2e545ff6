"""From the facts to the findings, in the order in which to mend what is broken. Pure."""

from __future__ import annotations

from worker.doctor.access import access
from worker.doctor.facts import Facts, Wanted
from worker.doctor.findings import Finding
from worker.doctor.stream import stream
from worker.doctor.traffic import traffic


def judge(facts: Facts, wanted: Wanted) -> list[Finding]:
    """All checks, each with its finding."""
    return [*access(facts, wanted), *stream(facts, wanted), *traffic(facts, wanted)]
