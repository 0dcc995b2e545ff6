from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from worker.errors import Misconfigured
from worker.settings.model import Settings
from worker.settings.sources import Loaded, load_settings


def _load(
    tmp_path: Path,
    environ: Mapping[str, str] | None = None,
    toml: str | None = None,
    **options: Any,
) -> Loaded:
    if toml is not None:
        (tmp_path / "voice-insights.toml").write_text(toml, encoding="utf-8")
    return load_settings(options, environ or {}, directory=tmp_path)


def _line(
    tmp_path: Path,
    environ: Mapping[str, str] | None = None,
    toml: str | None = None,
    **options: Any,
) -> str:
    """The line that a wrong setting ends with; the file's folder is left out of it."""
    with pytest.raises(Misconfigured) as caught:
        _load(tmp_path, environ, toml, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_without_any_source_all_is_default(tmp_path: Path) -> None:
    loaded = _load(tmp_path)
    assert loaded.settings == Settings()
    assert loaded.sources == dict.fromkeys(Settings.model_fields, "default")


def test_the_environment_wins_over_the_file_and_an_option_over_both(tmp_path: Path) -> None:
    toml = 'stream = "from-file"\nquiet_s = 1\nhold_direct_s = 1'
    environ = {"VOICE_INSIGHTS_QUIET_S": "2", "VOICE_INSIGHTS_HOLD_DIRECT_S": "2"}
    loaded = _load(tmp_path, environ, toml, hold_direct_s=3, hold_turn_s=None)
    settings, sources = loaded.settings, loaded.sources
    assert (settings.stream, sources["stream"]) == (
        "from-file",
        f"file {tmp_path / 'voice-insights.toml'}",
    )
    assert (settings.quiet_s, sources["quiet_s"]) == (2, "env VOICE_INSIGHTS_QUIET_S")
    assert (settings.hold_direct_s, sources["hold_direct_s"]) == (3, "option --hold-direct-s")
    assert (settings.hold_turn_s, sources["hold_turn_s"]) == (180, "default")


def test_a_mapping_is_taken_whole_from_the_strongest_source(tmp_path: Path) -> None:
    toml = '[dimensions]\nTurns = [["Language"]]\nWords = [["Voice"]]'
    environ = {"VOICE_INSIGHTS_DIMENSIONS": '{"Turns": [["Voice"]]}'}
    assert _load(tmp_path, environ, toml).settings.dimensions == {"Turns": (("Voice",),)}


def test_a_variable_that_is_empty_counts_as_not_set(tmp_path: Path) -> None:
    loaded = _load(tmp_path, {"VOICE_INSIGHTS_REGION": "", "VOICE_INSIGHTS_LABELS": ""})
    assert (loaded.settings.region, loaded.sources["region"]) == (None, "default")


def test_variables_of_others_are_not_ours(tmp_path: Path) -> None:
    assert _load(tmp_path, {"STREAM": "x", "AWS_REGION": "y"}).settings == Settings()


def test_the_file_may_be_named_by_an_option_or_a_variable(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('stream = "a"')
    (tmp_path / "b.toml").write_text('stream = "b"')
    environ = {"VOICE_INSIGHTS_CONFIG": "a.toml"}
    assert _load(tmp_path, environ).settings.stream == "a"
    both = load_settings({}, environ, tmp_path / "b.toml", tmp_path)
    assert (both.settings.stream, both.sources["stream"]) == ("b", f"file {tmp_path / 'b.toml'}")


def test_toml_has_timestamps_of_its_own(tmp_path: Path) -> None:
    assert _load(tmp_path, toml="start = 1970-01-01T00:00:01Z").settings.start == 1000
    assert _load(tmp_path, toml="start = 1970-01-02").settings.start == 86_400_000


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"HOLD_DIRECT_S": "abc"},
            "hold_direct_s = 'abc' (env VOICE_INSIGHTS_HOLD_DIRECT_S):"
            " takes a whole number from 0 to 3600",
        ),
        (
            {"COMMIT_EVERY_S": "nan"},
            "commit_every_s = 'nan' (env VOICE_INSIGHTS_COMMIT_EVERY_S):"
            " takes a number from 0.01 to 60",
        ),
        (
            {"SINK": "emff"},
            "sink = 'emff' (env VOICE_INSIGHTS_SINK): takes one or more of cloudwatch, emf, otlp",
        ),
        (
            {"HOLD_DIRECT_S": "300"},
            "hold_direct_s = '300' (env VOICE_INSIGHTS_HOLD_DIRECT_S)"
            " must not exceed hold_turn_s = 180 (default)",
        ),
        (
            {"NAMESPACE": "AWS/X", "REGION": "X"},
            "region = 'X' (env VOICE_INSIGHTS_REGION): takes a region like eu-west-1"
            " (and 1 more invalid setting)",
        ),
        (
            {"HOLDDIRECT_S": "1"},
            "unknown setting 'VOICE_INSIGHTS_HOLDDIRECT_S' (environment);"
            " did you mean 'VOICE_INSIGHTS_HOLD_DIRECT_S'?",
        ),
        ({"XYZZY": ""}, "unknown setting 'VOICE_INSIGHTS_XYZZY' (environment)"),
        ({"CONFIG": "none.toml"}, "there is no settings file 'none.toml'"),
    ],
)
def test_a_wrong_variable_is_told_on_one_line(
    tmp_path: Path, environ: dict[str, str], line: str
) -> None:
    named = {f"VOICE_INSIGHTS_{name}": value for name, value in environ.items()}
    assert _line(tmp_path, named) == line


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        (
            "hold_direct_s = true",
            "hold_direct_s = True (file voice-insights.toml): takes a whole number from 0 to 3600",
        ),
        (
            "hold-direct = 3",
            "unknown setting 'hold-direct' (file voice-insights.toml);"
            " did you mean 'hold_direct_s'?",
        ),
        (
            "state = 5",
            "state = 5 (file voice-insights.toml): takes the path of a file, or s3://bucket/prefix",
        ),
        (
            "start = 12:00:00",
            "start = datetime.time(12, 0) (file voice-insights.toml):"
            " takes trim_horizon, latest or a timestamp like 2026-10-02T12:00:00Z",
        ),
        (
            "[labels.AC1]\nEnvironment = 1",
            "labels = {'AC1': {'Environment': 1}} (file voice-insights.toml): takes a mapping of"
            " account_sid to a mapping of dimension to value; wrong at AC1.Environment",
        ),
        (
            'dimensions = {Turns = ["Language"]}',
            "dimensions = {'Turns': ['Language']} (file voice-insights.toml): takes a mapping of"
            " metric to a list of lists of dimensions; wrong at Turns.0",
        ),
    ],
)
def test_a_wrong_key_of_the_file_is_told_on_one_line(tmp_path: Path, toml: str, line: str) -> None:
    assert _line(tmp_path, toml=toml) == line


def test_a_file_that_cannot_be_read_is_told_on_one_line(tmp_path: Path) -> None:
    assert _line(tmp_path, toml="a = = 3").startswith("settings file 'voice-insights.toml' is no")
    (tmp_path / "voice-insights.toml").write_bytes(b'stream = "\xff"')
    assert _line(tmp_path) == "settings file 'voice-insights.toml' is not UTF-8"
    (tmp_path / "folder").mkdir()
    folder = _line(tmp_path, {"VOICE_INSIGHTS_CONFIG": "folder"})
    assert folder == "settings file 'folder': Is a directory"


def test_a_variable_that_is_no_json_is_told_without_its_value(tmp_path: Path) -> None:
    line = _line(tmp_path, {"VOICE_INSIGHTS_LABELS": '{"AC1": {"Token": "hunter2"'})
    assert line.startswith("labels (env VOICE_INSIGHTS_LABELS): takes JSON; ")
    assert "hunter2" not in line


def test_a_secret_is_masked_in_the_line_that_refuses_it(tmp_path: Path) -> None:
    assert "hunter2" not in _line(tmp_path, endpoint_url="https://user:hunter2@host/?q=1")
    assert "hunter2" not in _line(tmp_path, labels={"AC1": {"ApiKey": "hunter2", "CallSid": "x"}})


def test_a_long_value_is_cut_in_the_line_that_refuses_it(tmp_path: Path) -> None:
    assert len(_line(tmp_path, stream="x y" * 10_000)) < 200


def test_a_missing_stream_says_how_to_give_one(tmp_path: Path) -> None:
    assert _load(tmp_path, stream="s").require_stream() == "s"
    with pytest.raises(Misconfigured, match="--stream, VOICE_INSIGHTS_STREAM, or"):
        _load(tmp_path).require_stream()
