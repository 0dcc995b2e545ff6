"""A credential that can't be sent is named, and shown by no command, log line or file."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.cli.test_dead_letters import LETTERS
from tests.processes import AWS, LONGEST_S, command, environment
from worker.partition.dead_letters import encode_letter
from worker.recordings.writer import write_recording
from worker.testing.moto_server import REGION, client_of
from worker.testing.traffic import Traffic, simulated_records

pytestmark = pytest.mark.slow

SECRET: Final = "EXAMPLETHATISSECRET"
SPOILT: Final = f"{SECRET}\n"
BUCKET: Final = "s3://bucket/state"

COMMANDS: Final = {
    "run": ["run", "--stream", "s"],
    "run in a bucket": ["run", "--stream", "s", "--state", BUCKET],
    "record": ["record", "s", "--out", "recorded", "--until-tip"],
    "doctor": ["doctor", "--stream", "s"],
    "doctor for programs": ["doctor", "--stream", "s", "--json", "--state", BUCKET],
    "reconcile": ["reconcile", "--state", BUCKET],
    "replay": ["replay", "recording", "--into", "s"],
    "simulate": ["simulate", "--into", "s", "--sessions", "1"],
    "list": ["dead-letters", "list", "s3://bucket/dead-letters"],
    "redrive": ["dead-letters", "redrive", "letters.jsonl", "--into", "s", "--all"],
    "session": ["session", "VX1", "--state", BUCKET],
    "state": ["state", "show", "--state", BUCKET],
    "copy": ["state", "copy", BUCKET, "s3://bucket/copy"],
    "baseline": ["infra", "render", "--baseline", "1d"],
}
"""Every command that uses AWS."""


class Setting(NamedTuple):
    """A way to give a credential. ``named``: what is told of it."""

    env: Mapping[str, str]
    profile: str = ""
    named: str = "AWS_SESSION_TOKEN"


KEYS: Final = {**AWS, "AWS_DEFAULT_REGION": REGION}
NO_KEYS: Final = {"AWS_DEFAULT_REGION": REGION}
SETTINGS: Final = {
    "token": Setting({**KEYS, "AWS_SESSION_TOKEN": SPOILT}),
    "old token": Setting({**KEYS, "AWS_SECURITY_TOKEN": SPOILT}),
    "key": Setting({**KEYS, "AWS_ACCESS_KEY_ID": SPOILT}, named="AWS_ACCESS_KEY_ID"),
    "secret": Setting({**KEYS, "AWS_SECRET_ACCESS_KEY": SPOILT}, named="AWS_SECRET_ACCESS_KEY"),
    "profile": Setting(
        NO_KEYS,
        "[default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
        f"aws_session_token = {SECRET}\n  {SECRET}\n",
    ),
    "process": Setting(
        NO_KEYS,
        "[default]\ncredential_process = printf "
        f'\'{{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"x","SessionToken":"{SECRET}\\\\n"}}\'',
    ),
    "container": Setting(
        {
            **NO_KEYS,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": SPOILT,
        },
        named="",
    ),
    "proxy": Setting({**KEYS, "HTTP_PROXY": f"http://{SECRET}:{SECRET}@127.0.0.1:1"}, named=""),
    "endpoint": Setting(
        {**KEYS, "VOICE_INSIGHTS_ENDPOINT_URL": f"http://user:{SECRET}@127.0.0.1:1"}, named=""
    ),
}
CASES: Final = [
    *((name, "token") for name in COMMANDS),
    *(("run", name) for name in SETTINGS if name != "token"),
    *(("doctor", name) for name in SETTINGS if name != "token"),
    *(("run in a bucket", name) for name in ("proxy", "endpoint", "container")),
]


class Ended(NamedTuple):
    """A command that has ended: its exit code, all that it printed, and all that it left."""

    code: int
    told: str
    left: str


def _folder(root: Path, number: int, setting: Setting) -> Path:
    folder = root / str(number)
    folder.mkdir()
    write_recording(folder / "recording", simulated_records(Traffic(sessions=1), 1))
    (folder / "letters.jsonl").write_bytes(b"".join(encode_letter(one) + b"\n" for one in LETTERS))
    (folder / "profiles").write_text(setting.profile)
    return folder


@pytest.fixture(scope="module")
def ended(
    endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], Ended]]:
    """All of them at once, since some try for a while."""
    client_of("kinesis", endpoint).create_stream(StreamName="s", ShardCount=1)
    client_of("s3", endpoint).create_bucket(Bucket="bucket")
    root = tmp_path_factory.mktemp("secrets")
    found: dict[tuple[str, str], Ended] = {}
    with ExitStack() as stack:
        running: dict[tuple[str, str], tuple[Path, subprocess.Popen[str]]] = {}
        for number, case in enumerate(CASES):
            setting = SETTINGS[case[1]]
            folder = _folder(root, number, setting)
            env = environment({"VOICE_INSIGHTS_ENDPOINT_URL": endpoint, **setting.env})
            env["AWS_CONFIG_FILE"] = str(folder / "profiles") if setting.profile else os.devnull
            process = stack.enter_context(
                subprocess.Popen(
                    command(COMMANDS[case[0]]),
                    cwd=folder,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            stack.callback(process.kill)
            running[case] = folder, process
        for case, (folder, process) in running.items():
            try:
                told, _ = process.communicate(timeout=LONGEST_S)
            except subprocess.TimeoutExpired:  # what it has told so far is looked at, too
                process.kill()
                told, _ = process.communicate()
            left = "".join(
                path.read_bytes().decode(errors="replace")
                for path in folder.rglob("*")
                if path.is_file() and path.name != "profiles"
            )
            found[case] = Ended(process.returncode, told, left)
        yield found


@pytest.mark.parametrize("case", CASES, ids=" with ".join)
def test_it_is_shown_nowhere(ended: dict[tuple[str, str], Ended], case: tuple[str, str]) -> None:
    one = ended[case]
    assert SECRET not in one.told
    assert SECRET not in one.left
    assert one.told.strip()
    assert "Traceback" not in one.told


@pytest.mark.parametrize(
    "case", [one for one in CASES if SETTINGS[one[1]].named], ids=" with ".join
)
def test_it_is_named_at_once_and_it_is_the_operators(
    ended: dict[tuple[str, str], Ended], case: tuple[str, str]
) -> None:
    one = ended[case]
    named = SETTINGS[case[1]].named
    if case[0].startswith("doctor"):
        assert one.code == 1
        assert f"{named}, found by " in one.told
        assert "network" not in one.told.partition(named)[0]
        return
    assert one.code == 2
    (line,) = [line for line in one.told.splitlines() if named in line]
    assert "contains a line break" in line
    if case[0].startswith("run"):
        assert json.loads(line)["level"] == "error"
        assert len(one.told.splitlines()) == 1
