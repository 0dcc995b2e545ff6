"""Both stacks on an embedded AWS, as far as that supports them, and a worker in its place.

moto makes all resources of the service stack but takes no notice of a task's network and launch
type, of how a service is deployed, or of a bucket's encryption, versions, lifecycle and policy; and
it runs no tasks, so a worker process here is given what the task would be. Of the watch stack it
makes neither alarms nor subscriptions (LocalStack does: see tests/integration); the alarms are put
one by one, as CloudFormation would.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.infra.templates import MONITORING, SERVICE, alarms, load
from tests.processes import AWS, LONGEST_S, started
from worker.testing.moto_server import REGION, client_of, embedded_aws
from worker.testing.traffic import Traffic, simulated_records

pytestmark = pytest.mark.slow

STACK: Final = "voice"


class Deployed:
    """An embedded AWS with the stack."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        given = {
            "VpcId": vpc,
            "SubnetIds": subnet,
            "Image": "voice-insights:1",
            "TwilioExternalId": "an-external-id",
            "ShardCount": "2",
        }
        formation = self.client("cloudformation")
        formation.create_stack(
            StackName=STACK,
            TemplateBody=SERVICE.read_text(encoding="utf-8"),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
            ],
        )
        (self.stack,) = formation.describe_stacks(StackName=STACK)["Stacks"]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in self.stack["Outputs"]}

    def client(self, service: str) -> Any:
        return client_of(service, self.endpoint)

    def container(self) -> dict[str, Any]:
        ecs = self.client("ecs")
        cluster = self.outputs["ClusterName"]
        (arn,) = ecs.list_services(cluster=cluster)["serviceArns"]
        (service,) = ecs.describe_services(cluster=cluster, services=[arn])["services"]
        assert service["desiredCount"] == 1
        task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
        (container,) = task["taskDefinition"]["containerDefinitions"]
        assert isinstance(container, dict)
        return container

    def keys(self, prefix: str) -> list[str]:
        listed = self.client("s3").list_objects_v2(Bucket=self.outputs["Bucket"], Prefix=prefix)
        return [one["Key"] for one in listed.get("Contents", ())]


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with embedded_aws() as endpoint:
        yield Deployed(endpoint)


def test_the_stack_is_made(deployed: Deployed) -> None:
    assert deployed.stack["StackStatus"] == "CREATE_COMPLETE"
    summary = deployed.client("kinesis").describe_stream_summary(
        StreamName=deployed.outputs["StreamName"]
    )["StreamDescriptionSummary"]
    assert summary["StreamARN"] == deployed.outputs["StreamArn"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (2, 168)
    role = deployed.outputs["TwilioRoleArn"].rpartition("/")[2]
    trust = deployed.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    assert "an-external-id" in json.dumps(trust)
    (group,) = deployed.client("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == (deployed.outputs["LogGroup"], 30)


def test_the_task_has_what_its_template_says(deployed: Deployed) -> None:
    container = deployed.container()
    assert container["stopTimeout"] == 120
    assert container["readonlyRootFilesystem"] is True
    assert container["user"] == "10001:10001"
    assert container["healthCheck"]["command"] == ["CMD", "voice-insights", "health"]
    assert container["logConfiguration"]["options"]["mode"] == "blocking"


def test_a_worker_with_the_tasks_environment_works_and_ends_in_time(
    deployed: Deployed, tmp_path: Path
) -> None:
    container = deployed.container()
    given = {one["name"]: one["value"] for one in container["environment"]}
    local = {"VOICE_INSIGHTS_ENDPOINT_URL": deployed.endpoint, "VOICE_INSIGHTS_HEALTH_PORT": "0"}
    deployed.client("kinesis").put_records(
        StreamName=given["VOICE_INSIGHTS_STREAM"],
        Records=[
            {"Data": record.data, "PartitionKey": record.partition_key}
            for record in simulated_records(Traffic(sessions=1, malformed=0.2), 7)
        ],
    )
    with started(*container["command"], cwd=tmp_path, env={**AWS, **given, **local}) as worker:
        deadline = time.monotonic() + LONGEST_S
        while not deployed.keys("dead-letters/dt=") and time.monotonic() < deadline:
            time.sleep(0.1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(container["stopTimeout"]) == 0
    assert deployed.keys("dead-letters/dt=")
    assert "state/manifest" in deployed.keys("state/")
    assert list(tmp_path.iterdir()) == []


def test_the_watch_stack_is_made(deployed: Deployed) -> None:
    formation = deployed.client("cloudformation")
    formation.create_stack(
        StackName="watch",
        TemplateBody=MONITORING.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": "StreamName", "ParameterValue": "calls"}],
    )
    (stack,) = formation.describe_stacks(StackName="watch")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert {one["OutputKey"] for one in stack["Outputs"]} == {"PageTopic", "TicketTopic"}
    body = deployed.client("cloudwatch").get_dashboard(DashboardName="watch")["DashboardBody"]
    assert "${" not in body
    shown = json.loads(body)["widgets"]
    assert {one["properties"].get("region", REGION) for one in shown} == {REGION}
    assert '"StreamName", "calls"' in body


def test_cloudwatch_takes_every_alarm_and_the_dashboard(deployed: Deployed) -> None:
    client = deployed.client("cloudwatch")
    template = load(MONITORING)
    put = alarms(template, "calls")
    for name, made in put.items():
        topics = {"AlarmActions", "OKActions"} & made.keys()
        client.put_metric_alarm(
            **{**made, "AlarmName": name, **{key: ["arn:aws:sns:a:1:t"] for key in topics}}
        )
    held = {one["AlarmName"]: one for one in client.describe_alarms()["MetricAlarms"]}
    assert held.keys() >= put.keys()
    for name, made in put.items():
        assert held[name]["DatapointsToAlarm"] == made["DatapointsToAlarm"]
        assert held[name]["ActionsEnabled"] == made["ActionsEnabled"]
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    client.put_dashboard(DashboardName="watch", DashboardBody=body)
