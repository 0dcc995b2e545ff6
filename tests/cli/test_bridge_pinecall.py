"""``bridge pinecall`` as its user sees it: what it asks for, and offline from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.processes import ROOT, run
from worker.cli.main import cli

DATA = ROOT / "tests" / "events" / "pinecall" / "data"
ACCOUNT = {"VOICE_INSIGHTS_PINECALL_ACCOUNT": "acct"}


CLEAN = dict.fromkeys(
    ("VOICE_INSIGHTS_STREAM", "VOICE_INSIGHTS_CONFIG", "PINECALL_API_KEY", "PINECALL_SECRET_ID")
)


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (["--into", "s"], {}, "pinecall_account is not set"),
        ([], ACCOUNT, "stream is not set"),
        (["--into", "s"], ACCOUNT, "no key for Pinecall"),
        (["--from", "x"], ACCOUNT, "go together"),
        (["--from", "x", "--out", "o", "--into", "s"], ACCOUNT, "either"),
        (["--from", "none", "--out", "o"], ACCOUNT, "no such file"),
        (["--into", "s", "--pinecall-url", "http://example.org"], ACCOUNT, "https://HOST"),
        (["--into", "s", "--pinecall-account", "a b"], {}, "letters, digits"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: list[str], env: dict[str, Any], says: str, tmp_path: Path
) -> None:
    runner = CliRunner(env={**CLEAN, **env})
    with runner.isolated_filesystem(tmp_path):
        done = runner.invoke(cli, ["bridge", "pinecall", *arguments])
    assert done.exit_code != 0
    assert says in f"{done.output}{done.exception}"


@pytest.mark.slow
def test_a_saved_stream_becomes_a_recording_that_replay_reads(tmp_path: Path) -> None:
    saved = DATA / "call.sse"
    done = run(
        *("bridge", "pinecall", "--from", saved, "--out", "calls"), cwd=tmp_path, env=ACCOUNT
    )
    assert done.returncode == 0, done.stderr
    assert "records of 1 calls in calls" in done.stderr
    replayed = run("replay", "calls", "--sessions", "s.jsonl", cwd=tmp_path)
    assert replayed.returncode == 0, replayed.stderr
    assert (tmp_path / "s.jsonl").read_text().count('"platform":"pinecall"') == 1


def test_the_help_teaches_what_leaves_and_where_the_key_goes() -> None:
    text = CliRunner().invoke(cli, ["bridge", "pinecall", "--help"]).output
    flat = " ".join(text.split())
    assert "Neither words, nor numbers, nor names of people leave it" in flat
    assert "PINECALL_API_KEY" in flat
    assert "--key" not in flat
