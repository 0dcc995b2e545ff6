"""The task's role allows what the worker calls, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.calls import actions, calls
from tests.infra.templates import SERVICE, as_list, load, statements
from worker.destinations.objects import DEAD_LETTERS, RECORDS

TEMPLATE = load(SERVICE)

KEYS = {
    "kinesis": {"kms:Decrypt"},
    "s3": {"kms:Decrypt", "kms:GenerateDataKey"},
}
"""What AWS does with a customer's key when a service is called, in the caller's name."""


def allowed(role: str, service: str = "") -> set[str]:
    return {
        action
        for one in statements(TEMPLATE, role)
        for action in as_list(one["Action"])
        if action.startswith(service)
    }


def differences(granted: set[str], made: dict[str, set[str]]) -> tuple[set[str], set[str]]:
    """Actions that no call needs, and actions that are needed but not allowed."""
    needed = actions(made)
    for service in made.keys() & KEYS.keys():
        needed |= KEYS[service]
    return granted - needed, needed - granted


def test_the_worker_may_do_exactly_what_it_calls() -> None:
    assert differences(allowed("TaskRole"), calls()) == (set(), set())


@pytest.mark.parametrize("missing", sorted(allowed("TaskRole")))
def test_an_action_that_is_taken_away_is_missed(missing: str) -> None:
    assert differences(allowed("TaskRole") - {missing}, calls()) == (set(), {missing})


@pytest.mark.parametrize(
    "more", ["kinesis:PutRecord", "s3:GetObjectVersion", "s3:*", "sqs:SendMessage"]
)
def test_an_action_that_no_call_needs_is_found(more: str) -> None:
    assert differences(allowed("TaskRole") | {more}, calls()) == ({more}, set())


def test_a_call_that_is_new_is_found() -> None:
    made = {**calls(), "cloudwatch": {"put_metric_data", "list_metrics"}}
    assert differences(allowed("TaskRole"), made) == (set(), {"cloudwatch:ListMetrics"})


def test_what_is_read_from_the_source_is_what_the_worker_is_known_to_call() -> None:
    made = calls()
    assert made.keys() == {"kinesis", "cloudwatch", "s3"}
    assert made["cloudwatch"] == {"put_metric_data"}
    assert {"get_records", "list_shards"} <= made["kinesis"]


def statement(sid: str) -> dict[str, Any]:
    return next(one for one in statements(TEMPLATE, "TaskRole") if one.get("Sid") == sid)


def test_metrics_may_be_put_into_the_workers_namespace_only() -> None:
    put = statement("PutMetrics")
    assert put["Condition"] == {"StringEquals": {"cloudwatch:namespace": {"Ref": "Namespace"}}}


def test_the_worker_writes_under_its_prefixes_only() -> None:
    places = {
        resource["Fn::Sub"]
        for one in statements(TEMPLATE, "TaskRole")
        if "s3:PutObject" in as_list(one["Action"])
        for resource in as_list(one["Resource"])
    }
    folders = {"state", RECORDS, DEAD_LETTERS}
    assert places == {"${Bucket.Arn}/" + folder + "/*" for folder in folders}


@pytest.mark.parametrize("role", ["TaskRole", "ExecutionRole", "TwilioRole"])
def test_no_action_has_a_wildcard(role: str) -> None:
    assert [action for action in allowed(role) if "*" in action] == []


def test_only_what_knows_no_resources_is_allowed_on_everything() -> None:
    everywhere = {
        action
        for role in ("TaskRole", "ExecutionRole", "TwilioRole")
        for one in statements(TEMPLATE, role)
        if one["Resource"] == "*"
        for action in as_list(one["Action"])
    }
    assert everywhere == {
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
        "kinesis:ListShards",  # Twilio's role: its sink asks for both
        "kinesis:DescribeLimits",
    }


def test_a_key_is_used_through_the_service_that_it_belongs_to_only() -> None:
    for role in ("TaskRole", "TwilioRole"):
        for one in statements(TEMPLATE, role):
            if any(action.startswith("kms:") for action in as_list(one["Action"])):
                assert "kms:ViaService" in one["Condition"]["StringEquals"]


def test_twilio_may_write_and_not_read() -> None:
    assert allowed("TwilioRole") == {
        "kinesis:PutRecord",
        "kinesis:PutRecords",
        "kinesis:ListShards",
        "kinesis:DescribeLimits",
        "kms:GenerateDataKey",
    }
    trust = TEMPLATE["Resources"]["TwilioRole"]["Properties"]["AssumeRolePolicyDocument"]
    (one,) = trust["Statement"]
    assert one["Principal"] == {"AWS": {"Ref": "TwilioPrincipal"}}
    assert one["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "TwilioExternalId"}}}


def test_ecs_may_pull_the_image_and_write_the_log() -> None:
    assert allowed("ExecutionRole") == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    }
