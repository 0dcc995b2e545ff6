"""The bridge's part of the service stack: optional, and allowed what it calls and nothing else."""

from __future__ import annotations

from typing import Any

from tests.infra.calls import actions, calls
from tests.infra.templates import SERVICE, as_list, load, statements
from worker.settings.model import Settings

TEMPLATE = load(SERVICE)
BRIDGES = ("BridgeTaskRole", "BridgeExecutionRole", "BridgeTask", "BridgeService")


def _allowed(role: str) -> set[str]:
    return {action for one in statements(TEMPLATE, role) for action in as_list(one["Action"])}


def _container() -> dict[str, Any]:
    (one,) = TEMPLATE["Resources"]["BridgeTask"]["Properties"]["ContainerDefinitions"]
    assert isinstance(one, dict)
    return one


def test_without_an_account_there_is_no_bridge() -> None:
    assert TEMPLATE["Parameters"]["PinecallAccount"]["Default"] == ""
    made = {name for name in TEMPLATE["Resources"] if name.startswith("Bridge")}
    assert made == set(BRIDGES)
    assert all(TEMPLATE["Resources"][name]["Condition"] == "BridgesPinecall" for name in BRIDGES)


def test_of_the_stream_the_bridge_may_put_records_and_nothing_else() -> None:
    made = calls("worker.producer.put_records")
    assert _allowed("BridgeTaskRole") - {"kms:Decrypt", "kms:GenerateDataKey"} == {
        "kinesis:PutRecords",
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
    }
    assert actions(made) <= _allowed("BridgeTaskRole")
    (put,) = (s for s in statements(TEMPLATE, "BridgeTaskRole") if s.get("Sid") == "PutRecords")
    assert put["Resource"]["Fn::Sub"].endswith("stream/${StreamName}")


def test_in_the_bucket_it_reaches_what_is_its_own() -> None:
    places = {
        resource["Fn::Sub"]
        for one in statements(TEMPLATE, "BridgeTaskRole")
        if "s3:PutObject" in as_list(one["Action"])
        for resource in as_list(one["Resource"])
    }
    assert places == {"${Bucket.Arn}/bridge/*", "${Bucket.Arn}/expired-calls/*"}
    environment = {one["Name"]: one["Value"] for one in _container()["Environment"]}
    assert environment["VOICE_INSIGHTS_PINECALL_CHECKPOINT"] == {"Fn::Sub": "s3://${Bucket}/bridge"}
    assert environment["VOICE_INSIGHTS_PINECALL_EXPIRED"] == {
        "Fn::Sub": "s3://${Bucket}/expired-calls"
    }


def test_the_key_is_a_secret_that_only_ecs_reads() -> None:
    assert _container()["Secrets"] == [
        {"Name": "PINECALL_API_KEY", "ValueFrom": {"Ref": "PinecallSecretArn"}}
    ]
    assert "secretsmanager:GetSecretValue" in _allowed("BridgeExecutionRole")
    assert "secretsmanager:GetSecretValue" not in _allowed("BridgeTaskRole")
    assert not any("KEY" in one["Name"] for one in _container()["Environment"])


def test_every_variable_of_the_bridge_is_a_setting() -> None:
    names = {one["Name"] for one in _container()["Environment"]}
    known = {f"VOICE_INSIGHTS_{name.upper()}" for name in Settings.model_fields}
    assert names <= known


def test_the_bridge_has_the_time_to_end_that_it_takes_and_is_not_root() -> None:
    environment = {one["Name"]: one["Value"] for one in _container()["Environment"]}
    assert int(environment["VOICE_INSIGHTS_SHUTDOWN_S"]) < _container()["StopTimeout"] <= 120
    assert _container()["ReadonlyRootFilesystem"] is True
    assert _container()["User"] == "10001:10001"
    assert _container()["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
