"""The worker away from ECS: a systemd unit and a Kubernetes manifest, held to the settings."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml

from tests.infra.templates import SERVICE, load
from tests.processes import ROOT
from worker.cli.main import cli
from worker.monitoring.sizing import BASE_MB, HELD_KB
from worker.settings.sources import load_settings
from worker.telemetry.liveness import TURN_WITHIN_S

UNIT: Final = ROOT / "infra" / "voice-insights.service"
MANIFEST: Final = ROOT / "infra" / "kubernetes.yaml"
STREAM: Final = {"VOICE_INSIGHTS_STREAM": "calls"}


def directives(name: str) -> list[str]:
    """The values of a directive of the unit, in order."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


def of_unit() -> dict[str, str]:
    pairs = (pair for line in directives("Environment") for pair in shlex.split(line))
    return dict(pair.split("=", 1) for pair in pairs)


def manifest(kind: str) -> dict[str, Any]:
    documents = yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))
    (found,) = (one for one in documents if one["kind"] == kind)
    assert isinstance(found, dict)
    return found


def pod() -> dict[str, Any]:
    spec = manifest("Deployment")["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


def container() -> dict[str, Any]:
    (one,) = pod()["containers"]
    assert isinstance(one, dict)
    return one


def of_pod() -> dict[str, str]:
    return {one["name"]: one["value"] for one in container()["env"]}


def of_task() -> dict[str, Any]:
    (one,) = load(SERVICE)["Resources"]["Task"]["Properties"]["ContainerDefinitions"]
    assert isinstance(one, dict)
    return one


def test_the_unit_runs_a_command_that_the_package_installs() -> None:
    (command,) = directives("ExecStart")
    program, *arguments = command.split()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert Path(program).name in project["scripts"]
    assert arguments == container()["args"] == ["run"]
    assert "run" in cli.list_commands(click.Context(cli))


def test_what_the_unit_sets_are_settings_and_it_has_the_time_to_end(tmp_path: Path) -> None:
    settings = load_settings({}, {**STREAM, **of_unit()}, directory=tmp_path).settings
    assert settings.shutdown_s == int(of_unit()["VOICE_INSIGHTS_SHUTDOWN_S"])
    assert settings.shutdown_s < int(directives("TimeoutStopSec")[0])
    # relative places lie in the only folder that the unit may write
    assert not any(Path(one).is_absolute() for one in (settings.state, settings.records))
    assert directives("WorkingDirectory") == ["%S/" + directives("StateDirectory")[0]]
    assert directives("ProtectSystem") == ["strict"]


def test_the_unit_starts_the_worker_again_after_every_failure() -> None:
    assert directives("Restart") == ["on-failure"]
    assert directives("StartLimitIntervalSec") == ["0"]
    assert directives("RestartPreventExitStatus") == []
    assert directives("KillSignal") == []  # SIGTERM, which the worker stops at


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_has_nothing_to_say_of_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "voice-insights"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    text = UNIT.read_text(encoding="utf-8")
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(directives("ExecStart")[0], f"{program} run"), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_the_pod_sets_are_settings_and_it_has_the_time_to_end(tmp_path: Path) -> None:
    settings = load_settings({}, of_pod(), directory=tmp_path).settings
    assert settings.stream == of_pod()["VOICE_INSIGHTS_STREAM"]
    assert settings.shutdown_s < pod()["terminationGracePeriodSeconds"]
    lasting = (settings.state, settings.records, settings.dead_letters)
    assert all(one.startswith("s3://") for one in lasting)


def test_the_probes_ask_where_the_worker_answers(tmp_path: Path) -> None:
    settings = load_settings({}, of_pod(), directory=tmp_path).settings
    (port,) = container()["ports"]
    assert (settings.health_host, settings.health_port) == ("0.0.0.0", port["containerPort"])
    paths = {}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container()[probe]["httpGet"]
        assert asked["port"] == port["name"]
        paths[probe] = asked["path"]
    assert paths == dict.fromkeys(["startupProbe", "livenessProbe"], "/healthz") | {
        "readinessProbe": "/readyz"
    }
    # the page itself waits for so long before it says that the loop no longer turns
    assert container()["livenessProbe"]["periodSeconds"] <= TURN_WITHIN_S
    annotations = manifest("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port["containerPort"])


def test_the_old_pod_ends_before_the_new_one_starts() -> None:
    spec = manifest("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()


def test_the_pod_changes_nothing_but_its_tmp_and_is_not_root() -> None:
    own = container()["securityContext"]
    assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
    assert own["capabilities"] == {"drop": ["ALL"]}
    user = pod()["securityContext"]
    assert user["runAsNonRoot"] is True
    assert f"{user['runAsUser']}:{user['runAsGroup']}" == of_task()["User"]
    assert user["seccompProfile"] == {"type": "RuntimeDefault"}
    (mounted,) = container()["volumeMounts"]
    (volume,) = pod()["volumes"]
    assert (mounted["mountPath"], mounted["name"]) == ("/tmp", volume["name"])
    assert pod()["automountServiceAccountToken"] is False
    assert manifest("ServiceAccount")["metadata"]["name"] == pod()["serviceAccountName"]


def test_as_many_sessions_are_held_as_the_pod_has_memory_for() -> None:
    resources = container()["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"] == "1Gi"
    held = int(of_pod()["VOICE_INSIGHTS_MAX_SESSIONS_HELD"])
    assert BASE_MB + held * HELD_KB / 1024 <= 0.9 * 1024


def test_secrets_come_by_reference() -> None:
    assert not any(word in name for name in of_pod() for word in ("HEADERS", "SECRET", "TOKEN"))
    assert [list(one) for one in container()["envFrom"]] == [["secretRef"]]
