"""The service stack: what the template says of the one task, its bucket and its log."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infra.templates import FLEET, MONITORING, SERVICE, load, statements
from tests.processes import ROOT
from worker.monitoring.sizing import BASE_MB, HELD_KB, TASKS
from worker.settings.model import Settings
from worker.telemetry.liveness import TURN_WITHIN_S

TEMPLATE = load(SERVICE)


def properties(name: str) -> dict[str, Any]:
    found = TEMPLATE["Resources"][name]["Properties"]
    assert isinstance(found, dict)
    return found


def container() -> dict[str, Any]:
    (one,) = properties("Task")["ContainerDefinitions"]
    assert isinstance(one, dict)
    return one


@pytest.mark.slow
def test_cfn_lint_has_nothing_to_say_of_any_template() -> None:
    linted = subprocess.run(
        [
            Path(sys.executable).parent / "cfn-lint",
            "--include-checks",
            "I",
            "--",
            SERVICE,
            FLEET,
            MONITORING,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (linted.stdout, linted.stderr, linted.returncode) == ("", "", 0)


def test_the_old_worker_ends_before_the_new_one_starts() -> None:
    deployment = properties("Service")["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
    assert properties("Service")["AvailabilityZoneRebalancing"] == "DISABLED"
    assert properties("Service")["DesiredCount"] == {"Fn::If": ["Runs", 1, 0]}


def test_the_worker_has_the_time_to_end_that_it_takes() -> None:
    environment = {one["Name"]: one["Value"] for one in container()["Environment"]}
    assert int(environment["VOICE_INSIGHTS_SHUTDOWN_S"]) < container()["StopTimeout"] == 120


def test_the_task_changes_nothing_but_its_tmp_and_is_not_root() -> None:
    assert container()["ReadonlyRootFilesystem"] is True
    assert container()["User"] == "10001:10001"
    assert container()["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert [one["ContainerPath"] for one in container()["MountPoints"]] == ["/tmp"]


def test_health_is_what_the_worker_says_of_itself() -> None:
    check = container()["HealthCheck"]
    assert check["Command"] == ["CMD", "voice-insights", "health"]
    # the page itself waits for so long before it says that the loop no longer turns
    assert check["Interval"] <= TURN_WITHIN_S


def test_no_log_line_is_dropped_on_its_way() -> None:
    options = container()["LogConfiguration"]["Options"]
    assert options["mode"] == "blocking"
    assert properties("LogGroup")["RetentionInDays"] == {"Ref": "LogDays"}


def test_as_many_sessions_are_held_as_there_is_memory_for() -> None:
    held = TEMPLATE["Mappings"]["SessionsHeldBy"]["Memory"]
    assert held.keys() == set(TEMPLATE["Parameters"]["Memory"]["AllowedValues"])
    for memory, sessions in held.items():
        assert BASE_MB + int(sessions) * HELD_KB / 1024 <= 0.9 * int(memory)
        assert int(sessions) <= 1_000_000


def test_every_variable_of_the_task_is_a_setting() -> None:
    known = {f"VOICE_INSIGHTS_{name.upper()}" for name in Settings.model_fields}
    assert {one["Name"] for one in container()["Environment"]} <= known


def test_the_bucket_is_encrypted_versioned_private_and_for_tls_only() -> None:
    bucket = properties("Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "BucketEncryption" in bucket
    (denied,) = properties("BucketPolicy")["PolicyDocument"]["Statement"]
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(denied["Resource"]) == 2


def test_nothing_that_holds_data_goes_with_the_stack() -> None:
    for name in ("Stream", "Bucket", "BucketPolicy", "LogGroup"):
        resource = TEMPLATE["Resources"][name]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_objects_of_the_state_that_count_never_expire() -> None:
    (state,) = (
        rule
        for rule in properties("Bucket")["LifecycleConfiguration"]["Rules"]
        if rule.get("Prefix") == "state/"
    )
    assert "ExpirationInDays" not in state


def test_nobody_can_connect_to_the_task() -> None:
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


def test_wherever_the_state_is_its_role_may_write_and_a_fleet_moves_back_there() -> None:
    environment = {one["Name"]: one["Value"] for one in container()["Environment"]}
    assert environment["VOICE_INSIGHTS_STATE"] == {"Fn::Sub": "s3://${Bucket}/${StatePath}"}
    path = TEMPLATE["Parameters"]["StatePath"]
    kept = next(one for one in statements(TEMPLATE, "TaskRole") if one["Sid"] == "KeepState")
    assert kept["Resource"] == {"Fn::Sub": "${Bucket.Arn}/state/*"}
    fleet = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
    (back,) = re.findall(r"--into s3://my-bucket/([^`\s]+)", fleet)
    assert f"`StatePath={back}`" in fleet
    for allowed in (path["Default"], back):
        assert re.fullmatch(path["AllowedPattern"], allowed)
        assert f"{allowed}/".startswith("state/")
    for refused in ("", "/state", "state/", "states", "single", "state/../sessions"):
        assert not re.fullmatch(path["AllowedPattern"], refused)


def test_only_pairs_of_processor_and_memory_that_fargate_has_are_taken() -> None:
    pairs = {cpu: set(mib) for cpu, mib in TASKS}
    ruled = {}
    for rule in (one for name, one in TEMPLATE["Rules"].items() if name != "BridgeHasItsKey"):
        parameter, cpu = rule["RuleCondition"]["Fn::Equals"]
        assert parameter == {"Ref": "Cpu"}
        ((memories, checked),) = (one["Assert"]["Fn::Contains"] for one in rule["Assertions"])
        assert checked == {"Ref": "Memory"}
        ruled[int(cpu)] = set(map(int, memories))
    assert ruled == pairs
    assert ruled.keys() == set(map(int, TEMPLATE["Parameters"]["Cpu"]["AllowedValues"]))


def test_what_the_template_gives_by_itself_is_such_a_pair() -> None:
    cpu, memory = (int(TEMPLATE["Parameters"][name]["Default"]) for name in ("Cpu", "Memory"))
    assert memory in dict(TASKS)[cpu]
