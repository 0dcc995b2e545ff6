"""What LocalStack is made of is pinned, with docker and without, and is the same version."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from tests.processes import ROOT

FOLDER = ROOT / "localstack"


def container() -> dict[str, Any]:
    services = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]
    found = services["localstack"]
    assert isinstance(found, dict)
    return found


def test_docker_runs_the_version_that_the_lock_has() -> None:
    lock = (FOLDER / "requirements.lock").read_text()
    (version,) = re.findall(r"^localstack-core==(\S+)", lock, re.MULTILINE)
    assert container()["image"] == f"localstack/localstack:{version}"


def test_docker_listens_on_loopback_only_and_finds_its_files() -> None:
    assert container()["ports"] == ["127.0.0.1:4566:4566"]
    files = [container()["env_file"], *(one.split(":")[0] for one in container()["volumes"])]
    assert [name for name in files if not (FOLDER / name).exists()] == []


def test_every_package_has_a_hash() -> None:
    pins = re.split(r"\n(?=\S)", (FOLDER / "requirements.lock").read_text().strip())
    assert len(pins) > 50
    assert [pin for pin in pins if "--hash=sha256:" not in pin] == []
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    installed = {name: one for name, one in packages.items() if name}
    assert installed
    assert [name for name, one in installed.items() if "integrity" not in one] == []
    assert [name for name, one in installed.items() if "resolved" in one] == []
