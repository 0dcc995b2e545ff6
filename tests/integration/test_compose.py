"""What docker-compose.yml says fits the code, the image and what LocalStack's hook makes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
import yaml

from tests.processes import ROOT
from worker.cli.main import cli
from worker.settings.rules import page_is_served
from worker.settings.sources import load_settings

FOLDER: Final = ROOT / "localstack"
SERVICES: Final = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]
DEMO: Final = sorted(name for name, one in SERVICES.items() if one.get("profiles") == ["demo"])
DOCKERFILE: Final = (ROOT / "infra" / "Dockerfile").read_text()
HOOK: Final = (FOLDER / "ready.d" / "resources.py").read_text()
RUN: Final = (FOLDER / "run.sh").read_text()


def settings_of(service: str) -> dict[str, str]:
    environment = SERVICES[service]["environment"]
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


def arguments(service: str) -> list[str]:
    command = SERVICES[service]["command"]
    return shlex.split(command) if isinstance(command, str) else command


def options(arguments: list[str]) -> Iterator[tuple[str, str]]:
    return zip(arguments[::2], arguments[1::2], strict=True)


def test_only_localstack_is_started_without_the_profile() -> None:
    assert DEMO == ["simulator", "worker"]
    assert [name for name, one in SERVICES.items() if "profiles" not in one] == ["localstack"]


@pytest.mark.parametrize("service", DEMO)
def test_the_image_is_made_from_the_workers_dockerfile_when_localstack_is_up(service: str) -> None:
    build = SERVICES[service]["build"]
    context = (FOLDER / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).read_text() == DOCKERFILE
    assert SERVICES[service]["depends_on"] == {"localstack": {"condition": "service_healthy"}}
    assert "healthcheck" in SERVICES["localstack"]


@pytest.mark.parametrize("service", DEMO)
def test_its_commands_and_options_exist(service: str) -> None:
    assert 'ENTRYPOINT ["voice-insights"]' in DOCKERFILE
    name, *rest = arguments(service)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    with command.make_context(name, rest, resilient_parsing=False) as context:
        assert context.params


def test_its_settings_are_the_workers_own_and_serve_the_page() -> None:
    settings = load_settings({}, settings_of("worker"), directory=Path("/nowhere")).settings
    assert page_is_served(settings)
    assert settings.endpoint_url == "http://localstack:4566"
    assert SERVICES["localstack"]["ports"] == ["127.0.0.1:4566:4566"]


def test_the_page_is_published_on_loopback_only() -> None:
    (published,) = SERVICES["worker"]["ports"]
    assert published == f"127.0.0.1:8080:{settings_of('worker')['VOICE_INSIGHTS_HEALTH_PORT']}"
    assert "ports" not in SERVICES["simulator"]


def test_stream_and_bucket_are_those_that_the_hook_makes() -> None:
    (name,) = re.findall(r'^NAME = "(.+)"', HOOK, re.MULTILINE)
    settings = settings_of("worker")
    assert settings["VOICE_INSIGHTS_STREAM"] == name
    assert settings["VOICE_INSIGHTS_STATE"] == f"s3://{name}/state"
    assert dict(options(arguments("simulator")[1:]))["--into"] == name


def test_it_does_what_the_script_without_docker_does() -> None:
    exported = dict(re.findall(r"(VOICE_INSIGHTS_(?!PINECALL)[A-Z_]+_S)=(\d+)", RUN))
    assert exported
    shortened = {n: v for n, v in exported.items() if "_PINECALL_" not in n}
    assert shortened == {n: v for n, v in settings_of("worker").items() if n.endswith("_S")}
    simulated = options(arguments("simulator")[1:])
    for option, value in simulated:
        if option not in ("--into", "--endpoint-url"):
            assert f"{option} {value}" in RUN


@pytest.mark.parametrize("service", DEMO)
def test_what_runs_may_write_nowhere_but_in_its_volume(service: str) -> None:
    assert SERVICES[service]["read_only"] is True
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert 'VOLUME ["/tmp"]' in DOCKERFILE
