"""Facts in, findings out: with one thing broken at a time, the right line and no other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from worker.doctor.facts import (
    ClockReadings,
    CredentialFacts,
    Expectations,
    Facts,
    Load,
    NumberFacts,
    ProbeOutcome,
    ProbeResult,
    State,
    StreamFacts,
    StreamSample,
)
from worker.doctor.findings import Finding, Verdict, failed
from worker.doctor.judging import judge
from worker.doctor.traffic import proposed

NOW: Final = 1_790_942_400_000
WANTED: Final = Expectations("calls", hold_direct_s=30, hold_turn_s=180, quiet_s=30, survive_h=24)
STREAM: Final = StreamFacts("ACTIVE", "PROVISIONED", 4, 168, "KMS", "USER_PARTITION_KEY")
LOAD: Final = Load(800.0, 700_000.0, 0, "CloudWatch")
SAMPLE: Final = StreamSample(
    15,
    4,
    records=600,
    bytes=500_000,
    span_ms=900_000,
    occurrences=600,
    relay=500,
    gateway=90,
    other=9,
    test_events=1,
    schemas={"3": 590},
    seen=20,
    cross_shard=5,
    delays={12_000: 490, 29_000: 10},
)
ASKED: Final = [
    ProbeResult("kinesis:DescribeStreamSummary", "calls", ProbeOutcome.ALLOWED),
    ProbeResult("kinesis:GetRecords", "calls", ProbeOutcome.ALLOWED),
    ProbeResult("cloudwatch:GetMetricData", "calls", ProbeOutcome.ALLOWED),
    ProbeResult("cloudwatch:PutMetricData", "namespace N", ProbeOutcome.REFUSED_LATER, "too old"),
    ProbeResult("s3:PutObject", "s3://bucket", ProbeOutcome.ALLOWED),
]
HEALTHY: Final = Facts(
    credentials=CredentialFacts("container-role"),
    probed=ASKED,
    stream=STREAM,
    load=LOAD,
    sample=SAMPLE,
    clocks=ClockReadings(NOW + 300, NOW),
    state=State(
        "s3://bucket",
        "calls, created 2026-10-02T12:00:00.000Z",
        3,
        numbers=NumberFacts(60, 1, found_sparse=False),
    ),
)


def probed(action: str, result: ProbeOutcome) -> dict[str, Any]:
    """Facts with one call that came to something else."""
    changed = [one._replace(result=result) if one.action == action else one for one in ASKED]
    return {"probed": changed}


def stream(**changed: Any) -> dict[str, Any]:
    return {"stream": STREAM._replace(**changed)}


def sample(**changed: Any) -> dict[str, Any]:
    return {"sample": replace(SAMPLE, **changed)}


def amiss(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.verdict is not Verdict.OK]


def test_a_healthy_deployment_has_nothing_but_good_lines() -> None:
    findings = judge(HEALTHY, WANTED)
    assert amiss(findings) == []
    assert not failed(findings)
    checks = [one.check for one in findings]
    assert len(set(checks)) == len(checks) == 19


FAIL, WARN, NOT_KNOWN = Verdict.FAIL, Verdict.WARN, Verdict.NOT_KNOWN
BROKEN: Final[list[tuple[dict[str, Any], str, Verdict, str]]] = [
    ({"credentials": CredentialFacts(None)}, "credentials", FAIL, "role"),
    ({"credentials": CredentialFacts(None, "no SSO token")}, "credentials", FAIL, "renew them"),
    (
        probed("kinesis:GetRecords", ProbeOutcome.DENIED),
        "kinesis:GetRecords of calls",
        FAIL,
        "allow kinesis:GetRecords on calls",
    ),
    (
        probed("kinesis:GetRecords", ProbeOutcome.THROTTLED),
        "kinesis:GetRecords of calls",
        WARN,
        "what else reads",
    ),
    (
        probed("s3:PutObject", ProbeOutcome.UNREACHABLE),
        "s3:PutObject of s3://bucket",
        FAIL,
        "network path to s3",
    ),
    (
        probed("s3:PutObject", ProbeOutcome.OTHER),
        "s3:PutObject of s3://bucket",
        FAIL,
        "a proxy",
    ),
    (
        probed("s3:PutObject", ProbeOutcome.UNCONDITIONAL),
        "s3:PutObject of s3://bucket",
        FAIL,
        "conditional",
    ),
    (
        probed("s3:PutObject", ProbeOutcome.MISSING),
        "s3:PutObject of s3://bucket",
        FAIL,
        "account and region",
    ),
    (
        probed("cloudwatch:PutMetricData", ProbeOutcome.DENIED),
        "cloudwatch:PutMetricData of namespace N",
        FAIL,
        "allow cloudwatch:PutMetricData",
    ),
    (
        probed("cloudwatch:GetMetricData", ProbeOutcome.DENIED),
        "cloudwatch:GetMetricData of calls",
        NOT_KNOWN,
        "the worker doesn't need",
    ),
    ({"clocks": ClockReadings(NOW + 8_000, NOW)}, "clock", WARN, "time service"),
    ({"clocks": ClockReadings(NOW, NOW + 290_000)}, "clock", FAIL, "time service"),
    ({"clocks": None}, "clock", NOT_KNOWN, "no call was answered"),
    ({"state": State("f", problem="it isn't a manifest")}, "state", FAIL, "setting state"),
    (
        {"state": HEALTHY.state._replace(stream="other, created …")},
        "state",
        FAIL,
        "another stream's",
    ),
    (
        {"state": HEALTHY.state._replace(numbers=NumberFacts(60, 40, found_sparse=True))},
        "sequence numbers",
        WARN,
        "sequence_numbers = contiguous",
    ),
    (stream(status="DELETING"), "stream status", FAIL, "ACTIVE"),
    (stream(encryption="NONE"), "encryption", WARN, "kms:Decrypt"),
    (stream(retention_h=24), "retention", WARN, "IncreaseStreamRetentionPeriod"),
    (stream(open_shards=1), "shards", WARN, "UpdateShardCount"),
    ({"load": LOAD._replace(refused=7)}, "shards", WARN, "UpdateShardCount"),
    ({"load": LOAD._replace(bytes_s=3.9e6)}, "shards", WARN, "on-demand"),
    (sample(unreadable=3), "events", WARN, "dead-letters"),
    (sample(relay=0), "Advanced Features", WARN, "turn on"),
    (sample(schemas={"3": 580, "2": 10}), "schema version", WARN, "sink validate"),
    (sample(schemas={"1": 590}), "schema version", WARN, "sink validate"),
    (sample(seen=3), "sessions by shard", NOT_KNOWN, "under traffic"),
    (sample(delays={12_000: 50}), "holds", NOT_KNOWN, "under traffic"),
    (sample(delays={12_000: 400, 95_000: 100}), "holds", WARN, "hold_direct_s = 100"),
    (sample(delays={12_000: 490, 200_000: 10}), "holds", WARN, "hold_turn_s = 240"),
]


@pytest.mark.parametrize(("changed", "check", "verdict", "advice"), BROKEN)
def test_one_thing_broken_is_one_line_with_its_advice(
    changed: dict[str, Any], check: str, verdict: Verdict, advice: str
) -> None:
    findings = judge(HEALTHY._replace(**changed), WANTED)
    (found,) = amiss(findings)
    assert (found.check, found.verdict) == (check, verdict)
    assert advice in found.advice
    assert failed(findings) == (verdict is Verdict.FAIL)


def test_whatever_is_amiss_comes_with_advice() -> None:
    nothing = Facts(CredentialFacts(None), [], None, None, None, None, State("f", problem="?"))
    for changed, *_ in BROKEN:
        assert all(one.advice for one in amiss(judge(HEALTHY._replace(**changed), WANTED)))
    assert all(one.advice for one in amiss(judge(nothing, WANTED)))


def test_a_key_that_is_not_granted_is_told_from_an_action_that_is_not() -> None:
    detail = "An error occurred (KMSAccessDeniedException) when calling GetRecords"
    denied = [one._replace(result=ProbeOutcome.DENIED, detail=detail) for one in ASKED[1:2]]
    (found,) = amiss(judge(HEALTHY._replace(probed=denied), WANTED))
    assert "kms:Decrypt" in found.advice


def test_bad_credentials_are_one_failure_however_many_calls_they_spoil() -> None:
    bad = [one._replace(result=ProbeOutcome.BAD_CREDENTIALS, detail="expired") for one in ASKED]
    findings = judge(HEALTHY._replace(probed=bad), WANTED)
    failures = [one for one in findings if one.verdict is Verdict.FAIL]
    assert [one.check for one in failures] == ["credentials"]


def test_what_stands_on_a_stream_that_was_not_described_is_not_known() -> None:
    facts = HEALTHY._replace(stream=None, load=None, sample=None)
    verdicts = {one.check: one.verdict for one in amiss(judge(facts, WANTED))}
    assert set(verdicts.values()) == {NOT_KNOWN}
    assert len(verdicts) == 10


def test_without_the_streams_metrics_the_sample_tells_the_load() -> None:
    findings = judge(HEALTHY._replace(load=None), WANTED)
    (shards,) = (one for one in findings if one.check == "shards")
    assert shards.verdict is Verdict.OK
    assert "from the sample" in shards.detail


def test_an_on_demand_stream_is_given_time_not_shards() -> None:
    facts = HEALTHY._replace(**stream(mode="ON_DEMAND", open_shards=1))
    (found,) = amiss(judge(facts, WANTED))
    assert (found.check, found.verdict) == ("shards", WARN)
    assert "UpdateShardCount" not in found.advice


@pytest.mark.parametrize("strategy", [None, "AUTO", "USER_PARTITION_KEY"])
def test_no_distribution_of_records_does_the_worker_harm(strategy: str | None) -> None:
    findings = judge(HEALTHY._replace(**stream(distribution=strategy)), WANTED)
    assert amiss(findings) == []


def test_a_state_that_nobody_has_taken_yet_is_well() -> None:
    assert amiss(judge(HEALTHY._replace(state=State("f")), WANTED)) == []


def test_a_stream_named_by_arn_is_that_of_its_name() -> None:
    arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/calls"
    assert amiss(judge(HEALTHY, WANTED._replace(stream=arn))) == []


def test_a_proposed_hold_outlasts_the_delay_in_whole_steps() -> None:
    assert [proposed(ms, 0, 10) for ms in (0, 1, 10_000, 10_001)] == [10, 10, 10, 20]
    assert proposed(31_000, 30, 30) == 90


def test_a_burst_counts_as_a_minutes_traffic() -> None:
    burst = sample(records=3000, bytes=3000, span_ms=10)
    findings = judge(HEALTHY._replace(load=None, **burst), WANTED)
    (shards,) = (one for one in findings if one.check == "shards")
    assert "peak 50.0 records/s" in shards.detail
