"""The outcome of an attempt follows from the receiver's answer."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from worker.destinations.otlp.answers import LONGEST_PAUSE_S, Answer, verdict_of
from worker.outbox.entries import DeliveryOutcome

APPLIED, NOT_APPLIED = DeliveryOutcome.APPLIED, DeliveryOutcome.NOT_APPLIED
AMBIGUOUS, INVALID = DeliveryOutcome.AMBIGUOUS, DeliveryOutcome.INVALID
PROTOBUF = {"content-type": "application/x-protobuf"}
PARTIAL = ExportMetricsServiceResponse(
    partial_success=ExportMetricsPartialSuccess(
        rejected_data_points=3, error_message="out\nof order"
    )
).SerializeToString()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"", APPLIED),
        (200, PARTIAL, INVALID),
        (200, b"<html>sign in</html>", AMBIGUOUS),
        (202, b"", APPLIED),
        (204, b"", APPLIED),
        (400, b"", INVALID),
        (413, b"", INVALID),
        (301, b"", NOT_APPLIED),
        (401, b"", NOT_APPLIED),
        (403, b"", NOT_APPLIED),
        (404, b"", NOT_APPLIED),
        (408, b"", NOT_APPLIED),
        (429, b"", NOT_APPLIED),
        (500, b"", AMBIGUOUS),
        (502, b"", AMBIGUOUS),
        (503, b"", AMBIGUOUS),
        (504, b"", AMBIGUOUS),
    ],
)
def test_each_answer_has_its_outcome(status: int, body: bytes, expected: DeliveryOutcome) -> None:
    answer = Answer(status, PROTOBUF, body)
    verdict = verdict_of(answer, ExportMetricsServiceResponse)
    assert verdict.outcome is expected
    assert bool(verdict.words) is (expected is not APPLIED)


def test_what_is_rejected_of_a_request_is_counted_and_its_words_are_one_line() -> None:
    verdict = verdict_of(Answer(200, PROTOBUF, PARTIAL), ExportMetricsServiceResponse)
    assert verdict.rejected == 3
    assert "\n" not in verdict.words


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "86400"}, LONGEST_PAUSE_S),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT",
                "date": "Wed, 21 Oct 2026 07:27:00 -0000",
            },
            0.0,
        ),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:00 +99999999999999999999",
                "date": "Wed, 21 Oct 2026 07:27:00 GMT",
            },
            0.0,
        ),
        ({}, 0.0),
        (
            {
                "retry-after": "Mon, 30 Nov 2026 12:00:30 GMT",
                "date": "Mon, 30 Nov 2026 12:00:00 GMT",
            },
            30.0,
        ),
    ],
)
def test_a_pause_is_as_long_as_the_receiver_asks_within_bounds(
    headers: dict[str, str], expected: float
) -> None:
    assert verdict_of(Answer(429, headers, b""), ExportMetricsServiceResponse).pause_s == expected


def test_a_refusal_names_the_settings_to_look_at() -> None:
    verdict = verdict_of(Answer(401, {}, b"no such token"), ExportMetricsServiceResponse)
    assert "no such token" in verdict.words
    assert "otlp_auth" in verdict.words
