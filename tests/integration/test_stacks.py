"""Both stacks on LocalStack's CloudFormation.

It has no ECS and no dashboards, and takes no notice of a bucket's lifecycle, a log group's or a
stream's retention, and encryption; alarms, topics, bucket, roles and stream it makes for real.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from tests.infra.templates import MONITORING, SERVICE, alarms, load
from tests.integration.localstack import LocalStack
from worker.testing.moto_server import REGION

pytestmark = pytest.mark.slow

SECRET: Final = f"arn:aws:secretsmanager:{REGION}:000000000000:secret:pinecall"
EMAIL: Final = "on-call@example.com"
NOT_MADE: Final = {
    *("AWS::ECS::Cluster", "AWS::ECS::TaskDefinition", "AWS::ECS::Service"),
    "AWS::CloudWatch::Dashboard",
}


class Stacks:
    """Both, made."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._formation = self.client("cloudformation")
        (vpc, *_) = self.client("ec2").describe_vpcs()["Vpcs"]
        given = {
            "VpcId": vpc["VpcId"],
            "SubnetIds": "subnet-1",
            "Image": "voice-insights:1",
            "TwilioExternalId": "an-external-id",
            "StreamName": "stacked",
            "PinecallAccount": "acme",
            "PinecallSecretArn": SECRET,
        }
        self._begin("watch", MONITORING, {"PageEmail": EMAIL})
        self._begin("service", SERVICE, given)
        self.made = {**self._resources("watch"), **self._resources("service")}

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _begin(self, name: str, template: Path, given: dict[str, str]) -> None:
        self._formation.create_stack(
            StackName=name,
            TemplateBody=template.read_text(encoding="utf-8"),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": it} for key, it in given.items()],
        )

    def _resources(self, name: str) -> dict[str, dict[str, Any]]:
        """By their names, once all of them are made."""
        done = self._formation.get_waiter("stack_create_complete")
        done.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        listed = self._formation.describe_stack_resources(StackName=name)["StackResources"]
        return {one["LogicalResourceId"]: one for one in listed}

    def id_of(self, name: str) -> str:
        return str(self.made[name]["PhysicalResourceId"])


@pytest.fixture(scope="module")
def stacks(localstack: LocalStack) -> Stacks:
    return Stacks(localstack.endpoint)


def test_all_is_made_that_this_aws_knows(stacks: Stacks) -> None:
    fallen_back = {
        one["ResourceType"]
        for one in stacks.made.values()
        if "not supported" in one.get("ResourceStatusReason", "")
    }
    assert fallen_back <= NOT_MADE
    conditional = {"TicketSubscription"}
    resources = load(MONITORING)["Resources"].keys() | load(SERVICE)["Resources"].keys()
    assert stacks.made.keys() == resources - conditional


def test_every_alarm_is_what_the_template_says_and_tells_its_topic(stacks: Stacks) -> None:
    described = stacks.client("cloudwatch").describe_alarms()["MetricAlarms"]
    held = {one["AlarmName"].removeprefix("watch-"): one for one in described}
    templates = alarms(load(MONITORING), "voice-insights")
    assert held.keys() == templates.keys()
    for name, wanted in templates.items():
        got = held[name]
        for key in wanted.keys() - {"AlarmName", "AlarmActions", "OKActions", "Metrics"}:
            assert got[key] == wanted[key], (name, key)
        for actions in ("AlarmActions", "OKActions"):
            topics = [stacks.id_of(one["Ref"]) for one in wanted.get(actions, ())]
            assert got.get(actions, []) == topics, name
        assert [one["Id"] for one in got.get("Metrics", ())] == [
            one["Id"] for one in wanted.get("Metrics", ())
        ]


def test_who_gave_an_address_is_told(stacks: Stacks) -> None:
    listed = stacks.client("sns").list_subscriptions()["Subscriptions"]
    (one,) = (it for it in listed if it["Endpoint"] == EMAIL)
    assert one["TopicArn"] == stacks.id_of("PageTopic")


def test_the_bucket_is_versioned_private_and_for_tls_only(stacks: Stacks) -> None:
    s3, bucket = stacks.client("s3"), stacks.id_of("Bucket")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    (denied,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert (denied["Effect"], denied["Sid"]) == ("Deny", "TlsOnly")


def test_twilio_takes_its_role_on_with_the_external_id_only(stacks: Stacks) -> None:
    role = stacks.client("iam").get_role(RoleName=stacks.id_of("TwilioRole"))["Role"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "an-external-id"}}
