from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from worker.metrics.catalogue import CATALOGUE, CONTEXT_DIMENSIONS
from worker.settings.model import Settings

NUMBERS = [
    (name, schema["minimum"], schema["maximum"])
    for name, schema in Settings.model_json_schema()["properties"].items()
    if schema.get("type") in {"integer", "number"}
]


def _refused(message: str | None = None, /, **values: Any) -> None:
    with pytest.raises(ValidationError, match=message and re.escape(message)):
        Settings.model_validate(values)


def test_the_defaults_are_valid_and_need_no_environment() -> None:
    settings = Settings()
    assert settings.stream is None
    assert settings.start == "trim_horizon"
    assert settings.state == "voice-insights.sqlite"
    assert (settings.hold_direct_s, settings.hold_turn_s, settings.quiet_s) == (30, 180, 30)


def test_every_setting_is_described_on_one_line() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert "\n" not in field.description, name


def test_every_duration_has_its_unit_in_its_name_and_every_number_its_bounds() -> None:
    for name, low, high in NUMBERS:
        units = ("_s", "_ms", "_hours", "_calls", "_buckets")
        assert name.endswith(units) or name.startswith("max_"), name
        assert low < high, name


@pytest.mark.parametrize(("name", "low", "high"), NUMBERS)
def test_a_number_beyond_its_bounds_is_refused(name: str, low: float, high: float) -> None:
    for wrong in (low - 1, high + 1, True, "many", None):
        _refused(None, **{name: wrong})


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("hold_direct_s", "hold_turn_s"),
        ("quiet_s", "hold_max_s"),
        ("keep_closed_s", "expire_after_s"),
        ("max_series_per_set", "max_series"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(low: str, high: str) -> None:
    Settings.model_validate({low: 100, high: 100})
    _refused(f"{low} > {high}", **{low: 101, high: 100})


@pytest.mark.parametrize(
    ("given_", "taken"),
    [
        ("LATEST", "latest"),
        (" trim_horizon ", "trim_horizon"),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-02", 86_400_000),
    ],
)
def test_start_is_a_word_or_a_timestamp(given_: str, taken: str | int) -> None:
    assert Settings.model_validate({"start": given_}).start == taken


@pytest.mark.parametrize("wrong", ["now", "", 5, "1700000000", "2026-13-01", None])
def test_any_other_start_is_refused(wrong: object) -> None:
    _refused("takes trim_horizon, latest or a timestamp", start=wrong)


@pytest.mark.parametrize("name", ["s", "voice.insights_1-x", "a" * 128])
def test_a_stream_is_named_by_name_or_arn(name: str) -> None:
    Settings(stream=name)
    Settings(stream=f"arn:aws-us-gov:kinesis:us-gov-east-1:123456789012:stream/{name}")


@pytest.mark.parametrize("wrong", ["", "a b", "a" * 129, "arn:aws:s3:::bucket", "s\n"])
def test_what_is_no_stream_name_is_refused(wrong: str) -> None:
    _refused("takes the name of a Kinesis stream", stream=wrong)


@pytest.mark.parametrize("name", ["VoiceInsights", "a", "My App/Voice.1-#_:", "x" * 255, "AWSome"])
def test_a_namespace_that_cloudwatch_takes_is_taken(name: str) -> None:
    assert Settings(namespace=name).namespace == name


@pytest.mark.parametrize("wrong", ["", " ", "AWS/X", ":x", "x" * 256, "é", "a,b", "a\n"])
def test_a_namespace_that_cloudwatch_refuses_is_refused(wrong: str) -> None:
    _refused("takes 1 to 255 letters", namespace=wrong)


@pytest.mark.parametrize("address", ["http://127.0.0.1:4566", "https://user:pw@host.test/path"])
def test_an_endpoint_is_an_http_address(address: str) -> None:
    assert Settings(endpoint_url=address).endpoint_url == address


@pytest.mark.parametrize("wrong", ["host:1", "ftp://h", "http://", "http://h:x", "http://h?a=1"])
def test_any_other_endpoint_is_refused(wrong: str) -> None:
    _refused("takes an address like", endpoint_url=wrong)


@given(st.integers(1, 3_600))
def test_releases_are_whole_minutes_or_divide_one(seconds: int) -> None:
    if seconds % 60 == 0 or seconds in {1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30}:
        Settings(release_every_s=seconds)
    else:
        _refused("divide a minute", release_every_s=seconds)


def test_the_words_of_a_choice_may_be_in_upper_case() -> None:
    settings = Settings.model_validate({"log_level": "WARNING", "sink": "EMF"})
    assert (settings.log_level, settings.sink) == ("warning", ("emf",))


@given(
    st.sampled_from(sorted(CATALOGUE)),
    st.lists(st.sampled_from(CONTEXT_DIMENSIONS), min_size=1, unique=True),
)
def test_any_metric_takes_any_set_of_context_dimensions(metric: str, names: list[str]) -> None:
    settings = Settings.model_validate({"dimensions": {metric: [names]}})
    assert settings.dimensions == {metric: (tuple(names),)}


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"Turn": [["Language"]]}, "'Turn' is not a metric; did you mean 'Turns'?"),
        ({"Turns": [["Langage"]]}, "'Langage' is not a dimension; did you mean 'Language'?"),
        (
            {"Turns": [["CallSid"]]},
            "'CallSid' is not a dimension; dimensions are Language, SpeechModel",
        ),
        ({"Turns": [["Type"]]}, "'Type' is not a dimension"),
        ({"Turns": [[]]}, "one or more different dimensions"),
        ({"Turns": [["Voice", "Voice"]]}, "one or more different dimensions"),
    ],
)
def test_a_dimension_set_of_unknown_names_is_refused(sets: object, message: str) -> None:
    _refused(message, dimensions=sets)


def test_labels_are_dimensions_for_sets() -> None:
    labels = {"AC1": {"Environment": "production", "Agent": "Billing 2"}}
    Settings(labels=labels, dimensions={"Turns": (("Agent", "Language"),)})
    _refused("'Agent' is not a dimension", dimensions={"Turns": (("Agent",),)})


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"Language": "en"}, "one of the worker's own dimensions"),
        ({"EndStatus": "x"}, "one of the worker's own dimensions"),
        ({":x": "1"}, "takes dimension names"),
        ({"": "1"}, "takes dimension names"),
        ({"é": "1"}, "takes dimension names"),
        ({"_aws": "x"}, "has another meaning"),
        ({"Turns": "x"}, "has another meaning"),
        ({"CallSid": "x"}, "would identify"),
        ({"session_id": "x"}, "would identify"),
        ({"Agent": ""}, "takes values"),
        ({"Agent": "é"}, "takes values"),
        ({"Agent": "x" * 256}, "takes values"),
        ({"Agent": "AC" + "0" * 32}, "looks like an id"),
        ({"Agent": "+15551234567"}, "looks like an id"),
        ({"Agent": "10.0.0.1"}, "looks like an id"),
        ({f"L{n}": "x" for n in range(21)}, "at most 20"),
    ],
)
def test_a_label_that_cloudwatch_or_privacy_forbids_is_refused(
    label: dict[str, str], message: str
) -> None:
    _refused(message, labels={"AC1": label})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().hold_turn_s = 1
