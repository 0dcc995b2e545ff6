from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.logs.redaction import (
    HIDDEN,
    mask_secrets,
    own_texts,
    redact_fields,
    redact_text,
)

PHONES = st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=5,
)


@given(PHONES, st.sampled_from(["{}", "from {} to", "tel:{}", "({})", '{{"n": "{}"}}', "x={},"]))
def test_a_phone_number_is_replaced_wherever_it_stands(number: str, around: str) -> None:
    assert redact_text(around.format(number)) == around.format("[phone]")


@pytest.mark.parametrize("number", ["+1 (555) 123-4567", "+49 30 1234 5678", "%2B15551234567"])
def test_a_phone_number_is_known_with_separators_and_in_an_address(number: str) -> None:
    assert redact_text(number) == "[phone]"


@given(st.ip_addresses(v=4), st.sampled_from(["{}", "peer {}:443", "({})", "{}.", "http://{}/x"]))
def test_an_ipv4_address_is_replaced_wherever_it_stands(address: IPv4Address, around: str) -> None:
    assert redact_text(around.format(address)) == around.format("[ip]")


@given(
    st.ip_addresses(v=6).filter(int), st.sampled_from(["{}", "peer [{}]:443", "({})", "{} said"])
)
def test_an_ipv6_address_is_replaced_wherever_it_stands(address: IPv6Address, around: str) -> None:
    for text in (str(address), address.exploded, str(address).upper()):
        assert redact_text(around.format(text)) == around.format("[ip]")


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-02T12:00:00.000Z",
        "2026-10-02T12:00:00+10:30",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/voice",
        "arn:aws:iam::123456789012:role/worker",
        "shardId-000000000003",
        "49590338271490256608559692538361571095921575989136588898",
        "std::vector, 12:00:00, aa:bb:cc:dd:ee:ff, version 1.44.5, 3 :: 4",
        "CA0123456789abcdef0123456789abcdef",
        "took 1.5e+1234567 of nothing",
    ],
)
def test_what_is_neither_number_nor_address_stays(text: str) -> None:
    assert redact_text(text) == text


def test_fields_that_carry_content_are_left_out_at_every_depth() -> None:
    fields = {
        "event": "decoded",
        "payload": "hello",
        "Transcript": "hello",
        "prompts": 3,
        "relay": {"voice_prompt": "hello", "name": "prompt_sent", "external_ip": "x"},
        "many": [{"text": "hello", "n": 1}],
    }
    assert redact_fields(fields) == {
        "event": "decoded",
        "prompts": 3,
        "relay": {"name": "prompt_sent"},
        "many": [{"n": 1}],
    }


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), ANYTHING))
def test_redacted_fields_are_always_valid_json(fields: dict[str, object]) -> None:
    json.dumps(redact_fields(fields), allow_nan=False)


def test_a_structure_that_contains_itself_ends() -> None:
    loop: dict[str, object] = {}
    loop["loop"] = loop
    json.dumps(redact_fields(loop))


def test_bytes_are_told_by_their_length_only() -> None:
    assert redact_fields({"record": b"hello", "e": ValueError("bad +15551234567")}) == {
        "record": "<5 bytes>",
        "e": "bad [phone]",
    }


def test_control_characters_cannot_steer_a_terminal() -> None:
    assert redact_text("a\x1b[31mb\x07\tc\nd") == "a?[31mb?\tc\nd"


@pytest.mark.parametrize("name", ["ApiKey", "client_secret", "session_token", "db_password"])
def test_a_value_named_as_a_secret_is_masked(name: str) -> None:
    assert mask_secrets(name, "hunter2") == HIDDEN
    assert mask_secrets("labels", {"AC1": {name: "hunter2"}}) == {"AC1": {name: HIDDEN}}
    assert redact_fields({name: "hunter2", f"{name}s": 2}) == {name: HIDDEN, f"{name}s": 2}


def test_the_dimensions_of_a_metric_are_no_secret() -> None:
    sets = {"Tokens": (("Language",),), "TokensPerSecond": ()}
    assert mask_secrets("dimensions", sets) == sets


def test_credentials_within_an_address_are_masked() -> None:
    address = "https://user:hunter2@example.test/x?access_token=hunter2&page=2"
    masked = mask_secrets("endpoint_url", address)
    assert masked == f"https://{HIDDEN}@example.test/x?access_token={HIDDEN}&page=2"
    assert redact_text(f"connecting to {address}") == f"connecting to {masked}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call 15551234567 back", "call [phone] back"),
        ("from (555) 123-4567, 0171 3920012", "from [phone], [phone]"),
        ("mail alice.smith+x@mail.example.com.", "mail [mail]."),
        ("to sip:bob@198.51.100.88", "to sip:[mail]"),
        ("paid by 4111 1111 1111 1111", "paid by [number]"),
        ("of 987-65-4320", "of [number]"),
    ],
)
def test_people_are_not_told_by_other_numbers_and_addresses_either(text: str, shown: str) -> None:
    assert redact_text(text) == shown


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("10.0.0.5", "no connection to http://10.0.0.5:4566/x"),
        ("127.0.0.1", "can't listen at 127.0.0.1:8080"),
        ("/data/20261002120000", "no state at /data/20261002120000"),
    ],
)
def test_what_the_operator_has_set_stays_readable(setting: str, text: str) -> None:
    own = own_texts(["voice", setting])
    assert redact_fields({"event": text}, own) == {"event": text}
    assert redact_text(text) != text
    assert redact_text("from 198.51.100.7 or 110.0.0.51", own) == "from [ip] or [ip]"


def test_a_credential_of_the_operators_is_hidden_all_the_same() -> None:
    address = "http://me:hunter2@10.0.0.5:4566"
    assert redact_text(address, own_texts([address, "10.0.0.5"])) == "http://***@10.0.0.5:4566"


def test_texts_that_nobody_would_hide_need_no_care() -> None:
    assert own_texts(["my-stream", "5", ""]) is None
