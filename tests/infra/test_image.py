"""The image, as far as it can be tried without a docker engine: lint, sources, and its steps."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.processes import LONGEST_S, ROOT, environment
from worker import __version__

INFRA: Final = ROOT / "infra"
DOCKERFILE: Final = (INFRA / "Dockerfile").read_text(encoding="utf-8")
VENV: Final = "/opt/voice-insights"


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\s*\\\n\s*", " ", DOCKERFILE)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def of(name: str) -> list[str]:
    return [rest for one, rest in instructions() if one == name]


def copied() -> list[str]:
    """What is copied from the checkout."""
    return [
        source
        for rest in of("COPY")
        if not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]


def pins(lock: Path) -> dict[str, set[str]]:
    """Each pinned package, as name==version and its hashes."""
    blocks = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
    return {one.split()[0]: set(re.findall(r"sha256:[0-9a-f]{64}", one)) for one in blocks}


@pytest.mark.slow
def test_hadolint_has_nothing_to_say() -> None:
    linted = subprocess.run(
        [Path(sys.executable).parent / "hadolint", "--no-color", INFRA / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (linted.stdout, linted.stderr, linted.returncode) == ("", "", 0)


def test_what_is_copied_is_there_and_let_through() -> None:
    ignored = (INFRA / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    let_through = [line[1:] for line in ignored if line.startswith("!")]
    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(Path(source).match(pattern) for pattern in let_through), source


def test_both_stages_have_one_base_which_is_pinned_by_tag_and_digest() -> None:
    bases = {rest.partition(" AS ")[0] for rest in of("FROM")}
    assert len(of("FROM")) == 2
    (base,) = bases
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)


def test_the_image_runs_without_root_without_a_shell_and_with_a_health_check() -> None:
    user = of("USER")[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert of("ENTRYPOINT") == ['["voice-insights"]']
    assert of("CMD") == ['["run"]']
    (check,) = of("HEALTHCHECK")
    assert check.endswith('CMD ["voice-insights", "health"]')


def test_the_image_has_the_packages_that_the_tests_ran_with() -> None:
    tested = pins(ROOT / "requirements.lock")
    for name in ("requirements.lock", "build.lock"):
        of_image = pins(INFRA / name)
        assert len(of_image) > 4
        for package, hashes in of_image.items():
            assert hashes, package
            assert hashes == tested[package], package


def test_the_engine_in_java_is_pinned_beside_what_is_tested() -> None:
    tested = pins(ROOT / "requirements.lock")
    with_java = pins(INFRA / "fleet-java.lock")
    further = with_java.keys() - tested.keys()
    assert {package.partition("==")[0] for package in further} == {"kclpy-ext"}
    assert all(with_java.values())


def test_the_image_has_no_tools_of_tests() -> None:
    names = {package.partition("==")[0] for package in pins(INFRA / "requirements.lock")}
    assert names & {"moto", "mypy", "pytest", "ruff", "hypothesis", "cfn-lint"} == set()


@pytest.mark.slow
def test_the_steps_of_the_build_give_a_worker_that_runs(tmp_path: Path) -> None:
    """In a fresh environment instead of an image: the same steps, but for their paths."""
    place, python = tmp_path / "build", tmp_path / "base"
    subprocess.run([sys.executable, "-m", "venv", python], check=True)
    for rest in of("COPY"):
        if not rest.startswith("--from="):
            *sources, target = rest.split()
            for source in sources:
                _copy(ROOT / source, place / target)
    env = environment({"PATH": f"{python / 'bin'}:/usr/bin:/bin", "PIP_NO_INPUT": "1"})
    del env["PYTHONPATH"]
    for step in of("RUN"):
        step = step.replace(VENV, str(tmp_path / "image"))
        done = subprocess.run(
            ["/bin/sh", "-ec", step],
            cwd=place,
            env=env,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    command = tmp_path / "image" / "bin" / "voice-insights"
    version = subprocess.run(
        [command, "--version"], env=env, capture_output=True, text=True, check=True
    )
    assert version.stdout.split()[-1] == __version__
    health = subprocess.run(
        [command, "health"],
        env={**env, "VOICE_INSIGHTS_HEALTH_PORT": "9"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert health.returncode == 1
    assert "port 9" in health.stdout


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
