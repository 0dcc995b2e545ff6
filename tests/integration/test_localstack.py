"""What LocalStack has when it is up, and what it does that the other tests build on."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tests.integration.localstack import LocalStack
from worker.testing.moto_server import REGION

pytestmark = pytest.mark.slow

NAME = "voice-insights"


def client(localstack: LocalStack, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=localstack.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def test_its_hook_has_made_stream_bucket_and_log_group(localstack: LocalStack) -> None:
    kinesis = client(localstack, "kinesis")
    summary = kinesis.describe_stream_summary(StreamName=NAME)["StreamDescriptionSummary"]
    assert summary["StreamStatus"] == "ACTIVE"
    client(localstack, "s3").head_bucket(Bucket=NAME)
    groups = client(localstack, "logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == [f"/{NAME}/worker"]
