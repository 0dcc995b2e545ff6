"""A receiver is probed by a request that leaves nothing behind."""

from __future__ import annotations

import pytest

from worker.destinations.otlp.answers import Answer
from worker.destinations.otlp.http import NoAnswer
from worker.doctor.access import access
from worker.doctor.facts import CredentialFacts, Expectations, Facts, ProbeOutcome, State
from worker.doctor.findings import Verdict
from worker.doctor.probing_otlp import RESPONSES, probe_receiver
from worker.testing.strict_otlp import METRICS, StrictOtlp, StrictReceiver

URL = "http://collector:4318/v1/metrics"
EXPECTED = Expectations("calls", 30, 180, 30, 24)


class Fixed:
    url = URL

    def __init__(self, answer: Answer | NoAnswer) -> None:
        self._answer = answer

    def post(self, body: bytes) -> Answer | NoAnswer:
        assert body == b""
        return self._answer


@pytest.mark.parametrize(
    ("answer", "expected", "advice"),
    [
        (Answer(200, {}, b""), ProbeOutcome.ALLOWED, ""),
        (Answer(200, {}, b"<html>"), ProbeOutcome.OTHER, "proxy"),
        (Answer(401, {}, b"no token"), ProbeOutcome.DENIED, "otlp_headers"),
        (Answer(403, {}, b""), ProbeOutcome.DENIED, "otlp_auth"),
        (Answer(404, {}, b""), ProbeOutcome.MISSING, "name"),
        (Answer(429, {}, b""), ProbeOutcome.THROTTLED, "so often"),
        (Answer(503, {}, b""), ProbeOutcome.OTHER, "proxy"),
        (NoAnswer("refused", was_sent=False), ProbeOutcome.UNREACHABLE, "network path"),
    ],
)
def test_each_answer_is_a_finding_with_its_advice(
    answer: Answer | NoAnswer, expected: ProbeOutcome, advice: str
) -> None:
    probed = probe_receiver(Fixed(answer), "metrics", RESPONSES["metrics"])
    assert (probed.action, probed.of, probed.result) == ("otlp:metrics", URL, expected)
    state = State("state.sqlite", None, None)
    facts = Facts(CredentialFacts("env"), [probed], None, None, None, None, state)
    (finding,) = [one for one in access(facts, EXPECTED) if one.check.startswith("otlp:metrics")]
    assert (finding.verdict is Verdict.OK) is (expected is ProbeOutcome.ALLOWED)
    assert advice in finding.advice


def test_a_probe_leaves_nothing_at_the_receiver() -> None:
    strict = StrictOtlp()
    probed = probe_receiver(StrictReceiver(strict, METRICS), "metrics", RESPONSES["metrics"])
    assert probed.result is ProbeOutcome.ALLOWED
    assert strict.points.kept == {}
