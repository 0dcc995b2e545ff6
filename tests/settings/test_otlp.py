"""The settings of OpenTelemetry, and the variables that all programs with it share."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.errors import Misconfigured
from worker.settings.sources import load_settings

BASE = {"sink": "cloudwatch,otlp", "otlp_endpoint": "http://localhost:4318"}


def test_a_migration_may_have_both_stores_and_never_cloudwatch_twice() -> None:
    assert load_settings(BASE, {}).settings.sink == ("cloudwatch", "otlp")
    with pytest.raises(Misconfigured, match="sink"):
        load_settings({"sink": "cloudwatch,emf"}, {})


def test_otlp_needs_an_address() -> None:
    with pytest.raises(Misconfigured, match="otlp_endpoint"):
        load_settings({"sink": "otlp"}, {})
    with pytest.raises(Misconfigured, match="otlp_endpoint"):
        load_settings({"traces": "all"}, {})


def test_opentelemetrys_variables_are_the_weakest_source_and_are_named() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20abc,x-a=1",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=calls",
    }
    loaded = load_settings({"sink": "otlp"}, environ)
    assert loaded.settings.otlp_endpoint == "http://collector:4318"
    assert loaded.settings.otlp_headers == {"authorization": "Basic abc", "x-a": "1"}
    assert loaded.sources["otlp_endpoint"] == "env OTEL_EXPORTER_OTLP_ENDPOINT"
    own = {**environ, "VOICE_INSIGHTS_OTLP_ENDPOINT": "http://ours:4318"}
    assert load_settings({"sink": "otlp"}, own).settings.otlp_endpoint == "http://ours:4318"


def test_opentelemetrys_variables_mean_other_programs_where_nothing_goes_over_otlp() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "no address"}
    assert load_settings({}, environ).settings.otlp_endpoint is None


def test_an_error_about_headers_never_shows_them() -> None:
    with pytest.raises(Misconfigured) as caught:
        load_settings({**BASE, "otlp_headers": "authorization"}, {})
    assert "otlp_headers" in str(caught.value)
    with pytest.raises(Misconfigured) as caught:
        load_settings(BASE, {"VOICE_INSIGHTS_OTLP_HEADERS": "authorization=very\nsecret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"), [("off", "off"), ("ALL", "all"), ("slow", "slow"), ("0.25", 0.25)]
)
def test_traces_are_off_all_slow_or_a_share(given: str, expected: object) -> None:
    assert load_settings({**BASE, "traces": given}, {}).settings.traces == expected


@pytest.mark.parametrize("given", ["0", "1.5", "some", "-1", "nan"])
def test_any_other_traces_are_refused(given: str) -> None:
    with pytest.raises(Misconfigured, match="traces"):
        load_settings({**BASE, "traces": given}, {})


def test_headers_that_are_no_mapping_are_never_shown_either(tmp_path: Path) -> None:
    for text in (
        'otlp_headers = ["Authorization=Bearer verysecret"]',
        "[[otlp_headers]]\na = 'verysecret'",
    ):
        file = tmp_path / "settings.toml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(Misconfigured) as caught:
            load_settings({}, {}, file)
        assert "otlp_headers" in str(caught.value)
        assert "verysecret" not in str(caught.value)
