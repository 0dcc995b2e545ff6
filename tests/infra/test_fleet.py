"""The fleet's stack: what the template says of its keyed stream, its tasks and their role."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.calls import actions, calls
from tests.infra.templates import FLEET, SERVICE, as_list, load, statements
from worker.destinations.objects import DEAD_LETTERS, RECORDS
from worker.fleet.keyed_stream import LEAST_RETENTION_H
from worker.fleet.layout import MAX_BUCKETS
from worker.settings.model import Settings

TEMPLATE = load(FLEET)


def properties(name: str) -> dict[str, Any]:
    found = TEMPLATE["Resources"][name]["Properties"]
    assert isinstance(found, dict)
    return found


def container() -> dict[str, Any]:
    (one,) = properties("Task")["ContainerDefinitions"]
    assert isinstance(one, dict)
    return one


def environment() -> dict[str, Any]:
    return {one["Name"]: one["Value"] for one in container()["Environment"]}


def allowed(sid: str) -> dict[str, Any]:
    return next(one for one in statements(TEMPLATE, "TaskRole") if one.get("Sid") == sid)


def test_the_keyed_stream_heeds_hash_keys_keeps_records_and_encrypts_them() -> None:
    stream = properties("KeyedStream")
    assert stream["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert TEMPLATE["Parameters"]["KeyedRetentionHours"]["Default"] == LEAST_RETENTION_H
    kept = load(SERVICE)["Parameters"]["RetentionHours"]["Default"]
    assert kept <= LEAST_RETENTION_H
    assert stream["StreamEncryption"]["EncryptionType"] == "KMS"
    assert TEMPLATE["Parameters"]["KeyedShardCount"]["Default"] <= MAX_BUCKETS


def test_one_task_is_there_while_another_starts() -> None:
    deployment = properties("Service")["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (50, 200)
    assert TEMPLATE["Parameters"]["Tasks"]["Default"] >= 2
    assert TEMPLATE["Parameters"]["Tasks"]["MinValue"] == 2
    assert properties("Service")["DesiredCount"] == {"Fn::If": ["Runs", {"Ref": "Tasks"}, 0]}


def test_more_tasks_come_with_more_work_up_to_the_shards() -> None:
    assert properties("Scaling")["MinCapacity"] == {"Ref": "Tasks"}
    assert properties("Scaling")["MaxCapacity"] == {"Ref": "MostTasks"}
    tracked = properties("ScalingByCpu")["TargetTrackingScalingPolicyConfiguration"]
    assert tracked["ScaleInCooldown"] > tracked["ScaleOutCooldown"]
    defaults = {name: one.get("Default") for name, one in TEMPLATE["Parameters"].items()}
    assert defaults["MostTasks"] <= defaults["KeyedShardCount"]


def test_every_variable_of_a_task_is_a_setting_and_the_engine_is_named() -> None:
    known = {f"VOICE_INSIGHTS_{name.upper()}" for name in Settings.model_fields}
    assert environment().keys() <= known
    assert environment()["VOICE_INSIGHTS_FLEET_ENGINE"] == {"Ref": "Engine"}
    assert container()["Command"] == ["fleet", "run"]


def test_what_is_alike_for_a_single_worker_is_alike_here() -> None:
    (single,) = load(SERVICE)["Resources"]["Task"]["Properties"]["ContainerDefinitions"]
    for name in ("User", "ReadonlyRootFilesystem", "LinuxParameters", "MountPoints", "HealthCheck"):
        assert container()[name] == single[name], name
    assert container()["StopTimeout"] == single["StopTimeout"]
    shutdown_s = int(environment()["VOICE_INSIGHTS_SHUTDOWN_S"])
    assert shutdown_s < container()["StopTimeout"]


def test_the_engine_may_lease_shards_in_its_own_tables_only() -> None:
    leases = allowed("LeaseShards")
    assert {action.partition(":")[0] for action in leases["Action"]} == {"dynamodb"}
    tables = [one["Fn::Sub"].rpartition("/")[2] for one in leases["Resource"]]
    assert tables == ["${FleetName}-router*", "${FleetName}-partitions*"]


def test_metrics_may_be_put_into_the_workers_namespace_only() -> None:
    """So an engine's own metrics are refused."""
    put = allowed("PutMetrics")
    assert put["Condition"] == {"StringEquals": {"cloudwatch:namespace": {"Ref": "Namespace"}}}


def test_the_source_is_read_and_the_keyed_stream_written() -> None:
    writes = allowed("WriteKeyedStream")
    assert as_list(writes["Action"]) == ["kinesis:PutRecords"]
    assert writes["Resource"] == {"Fn::GetAtt": "KeyedStream.Arn"}
    reads = allowed("ReadStreams")["Action"]
    assert all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in reads)


def test_a_task_writes_under_its_prefixes_only() -> None:
    places = {
        resource["Fn::Sub"].partition("${BucketName}/")[2]
        for one in statements(TEMPLATE, "TaskRole")
        if "s3:PutObject" in as_list(one["Action"])
        for resource in as_list(one["Resource"])
    }
    assert places == {"state/fleet/*", f"{RECORDS}/*", f"{DEAD_LETTERS}/*"}


@pytest.mark.parametrize("role", ["TaskRole", "ExecutionRole"])
def test_no_action_has_a_wildcard(role: str) -> None:
    actions = [a for one in statements(TEMPLATE, role) for a in as_list(one["Action"])]
    assert [action for action in actions if "*" in action] == []


def test_only_what_knows_no_resources_is_allowed_on_everything() -> None:
    everywhere = {
        action
        for role in ("TaskRole", "ExecutionRole")
        for one in statements(TEMPLATE, role)
        if one["Resource"] == "*"
        for action in as_list(one["Action"])
    }
    assert everywhere == {"cloudwatch:PutMetricData", "ecr:GetAuthorizationToken"}


def test_nothing_that_holds_data_goes_with_the_stack() -> None:
    for name in ("KeyedStream", "LogGroup"):
        resource = TEMPLATE["Resources"][name]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_nobody_can_connect_to_a_task() -> None:
    group = properties("SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert {rule["ToPort"] for rule in group["SecurityGroupEgress"]} == {443}
    assert "PortMappings" not in container()


def test_every_parameter_explains_itself() -> None:
    silent = [name for name, one in TEMPLATE["Parameters"].items() if not one.get("Description")]
    assert silent == []
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(TEMPLATE["Parameters"])


def test_a_task_may_do_what_it_calls_beside_its_engine() -> None:
    granted = {
        action for one in statements(TEMPLATE, "TaskRole") for action in as_list(one["Action"])
    }
    made = calls("worker.fleet.build")
    assert {"kinesis", "s3", "cloudwatch"} <= made.keys()
    assert actions(made) - granted == set()
    engines = {"kinesis:DescribeStream", "s3:GetObject"}
    ours = {action for action in granted if not action.startswith(("dynamodb:", "kms:"))}
    fans_out = {*allowed("FanOut")["Action"]}
    assert ours - actions(made) <= engines | fans_out
