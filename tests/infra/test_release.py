"""What a release hands out: a wheel and an archive that make a worker where nothing else is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.infra.templates import MONITORING, SERVICE, load
from tests.processes import ROOT, environment
from worker import __version__

pytestmark = pytest.mark.slow

INSTALLING_S = 600.0
"""How long a busy machine may take to install all packages, or to build them."""

NAME = f"voice_insights_worker-{__version__}"


def done(*command: object, cwd: Path) -> str:
    env = environment({"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    del env["PYTHONPATH"]
    run = subprocess.run(
        [str(one) for one in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=INSTALLING_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    return run.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment that has what the image has, and nothing of a checkout."""
    place = tmp_path_factory.mktemp("installed")
    done(sys.executable, "-m", "venv", place, cwd=place)
    pip = (place / "bin" / "python", "-m", "pip", "install")
    done(*pip, "--require-hashes", "-r", ROOT / "infra" / "requirements.lock", cwd=place)
    done(*pip, "--no-deps", "--no-index", *dist.glob("*.whl"), cwd=place)
    return place / "bin" / "voice-insights"


def files_of(wheel: Path) -> set[str]:
    return set(ZipFile(wheel).namelist())


def tracked(*paths: str) -> Iterator[str]:
    listed = done("git", "-c", "safe.directory=*", "ls-files", "-z", *paths, cwd=ROOT)
    return (name for name in listed.split("\0") if name and (ROOT / name).exists())


def test_the_wheel_is_the_package_its_license_and_the_template_of_the_service(dist: Path) -> None:
    inside = files_of(dist / f"{NAME}-py3-none-any.whl")
    package = {name for name in inside if not name.startswith(f"{NAME}.dist-info/")}
    assert package == {*tracked("worker"), "worker/infra/service.yaml", "worker/infra/fleet.yaml"}
    assert f"{NAME}.dist-info/licenses/LICENSE" in inside


def test_the_source_archive_is_the_checkout(dist: Path) -> None:
    with tarfile.open(dist / f"{NAME}.tar.gz") as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert inside - {"PKG-INFO"} >= set(tracked())


def test_the_source_archive_makes_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(dist / f"{NAME}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", cwd=tmp_path / NAME)
    (again,) = (tmp_path / NAME / "dist").glob("*.whl")
    assert again.read_bytes() == (dist / again.name).read_bytes()


def test_an_installed_worker_replays_a_recording_and_shows_its_calls(
    installed: Path, tmp_path: Path
) -> None:
    assert done(installed, "--version", cwd=tmp_path).split()[-1] == __version__
    done(installed, "simulate", "--out", "calls", "--sessions", "5", "--seed", "1", cwd=tmp_path)
    done(installed, "replay", "calls", "--sessions", "sessions.jsonl", cwd=tmp_path)
    records: list[dict[str, Any]] = [
        json.loads(line) for line in (tmp_path / "sessions.jsonl").read_text().splitlines()
    ]
    assert len(records) == 5
    sid = records[0]["session_id"]
    shown = done(installed, "session", sid, "--records", "sessions.jsonl", "--json", cwd=tmp_path)
    assert json.loads(shown)["session_id"] == sid
    assert json.loads(done(installed, "schema", cwd=tmp_path))["$defs"]


def test_an_installed_worker_brings_both_templates(installed: Path, tmp_path: Path) -> None:
    done(installed, "infra", "service", cwd=tmp_path)
    done(installed, "infra", "render", cwd=tmp_path)
    assert load(tmp_path / "infra" / "service.yaml") == load(SERVICE)
    assert load(tmp_path / "infra" / "monitoring.yaml") == load(MONITORING)
    done(installed, "infra", "render", "--check", cwd=tmp_path)


def test_the_way_of_the_readme_installs_the_pinned_packages(tmp_path: Path) -> None:
    for name in tracked():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Run it\n")[2]
    block = section.split("```")[1]
    steps = [line for line in block.splitlines() if line.startswith(("python3", "pip"))]
    assert len(steps) == 3
    assert all("--require-hashes" in step or "--no-deps" in step for step in steps[1:])
    script = "\n".join(steps).replace("python3", f"'{sys.executable}'", 1)
    done("/bin/sh", "-ec", script, cwd=tmp_path)
    outside = tmp_path.parent
    command = tmp_path / "installed" / "bin" / "voice-insights"
    assert done(command, "--version", cwd=outside).split()[-1] == __version__
    done(command, "infra", "service", "--out", "-", cwd=outside)


def test_the_release_is_the_newest_entry_of_the_changelog() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    releases = [line.split("[")[1].split("]")[0] for line in lines if line.startswith("## [")]
    assert __version__ in releases
    assert releases[0] in ("Unreleased", __version__)
