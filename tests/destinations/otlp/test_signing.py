"""A request proves its sender: by an operator's headers, or by AWS's signature."""

from __future__ import annotations

import pytest
from botocore.credentials import ReadOnlyCredentials

from worker.destinations.otlp.receivers import url_of
from worker.destinations.otlp.signing import OwnHeaders, SignatureV4, is_of_aws

URL = "https://monitoring.eu-west-1.amazonaws.com/v1/metrics"


class Fixed:
    def get_frozen_credentials(self) -> object:
        return ReadOnlyCredentials("AKIDEXAMPLE", "secret-of-the-test", "token-of-the-test")


def test_a_signature_names_service_and_region_and_covers_what_leaves() -> None:
    signer = SignatureV4(Fixed(), "monitoring", "eu-west-1", {"x-tenant": "a"})
    sent = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    headers = signer.headers(URL, sent, b"body")
    proof = headers["Authorization"]
    assert "/eu-west-1/monitoring/aws4_request" in proof
    assert "content-type" in proof
    assert headers["X-Amz-Security-Token"] == "token-of-the-test"
    assert "secret-of-the-test" not in str(headers)
    assert headers["x-tenant"] == "a"
    assert signer.headers(URL, sent, b"other")["Authorization"] != proof


def test_an_operators_headers_come_with_each_request() -> None:
    assert OwnHeaders({"authorization": "Basic x"}).headers(URL, {"a": "b"}, b"") == {
        "a": "b",
        "authorization": "Basic x",
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, True),
        ("https://xray.cn-north-1.amazonaws.com.cn", True),
        ("https://amazonaws.com.example.org", False),
        ("http://localhost:4318", False),
    ],
)
def test_only_hosts_of_aws_are_of_aws(url: str, expected: bool) -> None:
    assert is_of_aws(url) is expected


@pytest.mark.parametrize(
    ("endpoint", "traces"),
    [
        ("http://localhost:4318", "http://localhost:4318/v1/traces"),
        ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
        ("http://h/otlp/v1/metrics", "http://h/otlp/v1/traces"),
        (URL, "https://xray.eu-west-1.amazonaws.com/v1/traces"),
    ],
)
def test_each_signal_has_its_address(endpoint: str, traces: str) -> None:
    assert url_of(endpoint, "traces") == traces
    assert url_of(url_of(endpoint, "traces"), "metrics").endswith("/v1/metrics")
