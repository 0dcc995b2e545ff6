"""What the doctor finds of a fleet."""

from __future__ import annotations

from typing import Any

import pytest

from worker.doctor.facts import State, StreamFacts
from worker.doctor.findings import Finding, Verdict
from worker.doctor.fleet import FleetFacts, FleetStreams, TableFacts, fleet_findings
from worker.fleet.layout import Layout

ARN = "arn:aws:kinesis:eu-west-1:1:stream/"
LAYOUT = Layout(source=f"{ARN}calls, created 2026", keyed=f"{ARN}keyed, created 2026", buckets=3)
STREAM = StreamFacts("ACTIVE", "PROVISIONED", 4, 24, "KMS", None)
KEYED = StreamFacts("ACTIVE", "PROVISIONED", 3, 168, "KMS", None)
STREAMS = FleetStreams("calls", f"{ARN}keyed")


def state(bucket: int, epoch: int | None = 1, **changed: Any) -> State:
    stream = None if epoch is None else LAYOUT.identity(bucket)
    return State(f"s3://b/fleet/bucket-0{bucket}", stream, epoch)._replace(**changed)


WELL = FleetFacts(
    "s3://b/fleet",
    LAYOUT,
    None,
    STREAM,
    KEYED,
    [state(0), state(1, 4), state(2)],
    [TableFacts("f-router", True, 4, 2), TableFacts("f-partitions", False)],
    "kcl-rs",
)


def found(streams: FleetStreams = STREAMS, **changed: Any) -> dict[str, Finding]:
    return {one.check: one for one in fleet_findings(WELL._replace(**changed), streams)}


def test_of_a_fleet_in_order_every_check_is_ok() -> None:
    findings = found()
    assert {one.verdict for one in findings.values()} == {Verdict.OK}
    assert findings["buckets"].detail == "3 of 3 acquired (once: 0, 2; 4 times: 1)"
    assert findings["table f-router"].detail == "4 leases, held by 2 tasks"
    assert "the first task makes it" in findings["table f-partitions"].detail


@pytest.mark.parametrize(
    ("check", "verdict", "changed"),
    [
        ("layout", Verdict.FAIL, {"layout": None, "buckets": []}),
        ("layout", Verdict.FAIL, {"layout": None, "problem": "it can't be read", "buckets": []}),
        ("engine", Verdict.WARN, {"engine": None}),
        ("keyed stream", Verdict.FAIL, {"keyed": KEYED._replace(mode="ON_DEMAND")}),
        ("keyed stream", Verdict.FAIL, {"keyed": KEYED._replace(status="DELETING")}),
        ("keyed stream", Verdict.WARN, {"keyed": KEYED._replace(open_shards=4)}),
        ("keyed stream", Verdict.NOT_KNOWN, {"keyed": None}),
        ("keyed retention", Verdict.FAIL, {"keyed": KEYED._replace(retention_h=23)}),
        ("keyed retention", Verdict.NOT_KNOWN, {"source": None}),
        ("keyed encryption", Verdict.WARN, {"keyed": KEYED._replace(encryption="NONE")}),
        ("buckets", Verdict.FAIL, {"buckets": [state(0), state(1, problem="torn"), state(2)]}),
        ("buckets", Verdict.FAIL, {"buckets": [state(0), state(1, stream="moved"), state(2)]}),
        ("buckets", Verdict.OK, {"buckets": [state(n, None) for n in range(3)]}),
        ("table f", Verdict.NOT_KNOWN, {"tables": [TableFacts("f", True, problem="denied")]}),
    ],
)
def test_what_is_wrong_is_found_with_what_to_do(
    check: str, verdict: Verdict, changed: dict[str, Any]
) -> None:
    finding = found(**changed)[check]
    assert finding.verdict is verdict
    assert bool(finding.advice) is (verdict is not Verdict.OK)


def test_a_layout_of_other_streams_than_the_settings_name_is_found() -> None:
    assert found(FleetStreams("others", "keyed"))["layout"].verdict is Verdict.FAIL
    assert found(FleetStreams("calls", "others"))["layout"].verdict is Verdict.FAIL
