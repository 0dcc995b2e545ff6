"""Credentials: where they are found, what is refused, and that nothing shows them."""

from __future__ import annotations

import json
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import Misconfigured
from worker.twilio.credentials import TwilioCredentials, find_credentials

KEY = "SK" + "0" * 32
ACCOUNT = "AC" + "0" * 32
HUSH = "hush-hush"


def unasked(_: str) -> NoReturn:
    raise AssertionError


def test_an_api_key_goes_before_the_accounts_token() -> None:
    environ = {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": "token",
        "TWILIO_API_KEY": KEY,
        "TWILIO_API_SECRET": HUSH,
    }
    assert find_credentials(environ, unasked) == TwilioCredentials(KEY, HUSH)


def test_the_accounts_token_will_do() -> None:
    environ = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": HUSH}
    assert find_credentials(environ, unasked) == TwilioCredentials(ACCOUNT, HUSH)


def test_a_secret_that_is_named_goes_before_all() -> None:
    secrets = {"twilio/key": json.dumps({"TWILIO_API_KEY": KEY, "TWILIO_API_SECRET": HUSH})}
    environ = {"TWILIO_SECRET_ID": "twilio/key", "TWILIO_API_KEY": "SK" + "1" * 32}
    assert find_credentials(environ, secrets.__getitem__) == TwilioCredentials(KEY, HUSH)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, "no credentials for Twilio"),
        ({"TWILIO_API_KEY": KEY}, "TWILIO_API_SECRET is missing"),
        ({"TWILIO_API_SECRET": HUSH}, "TWILIO_API_KEY is missing"),
        ({"TWILIO_AUTH_TOKEN": HUSH}, "TWILIO_ACCOUNT_SID is missing"),
        ({"TWILIO_API_KEY": HUSH, "TWILIO_API_SECRET": KEY}, "TWILIO_API_KEY in the environment"),
        ({"TWILIO_API_KEY": KEY, "TWILIO_API_SECRET": f"{HUSH} x\n"}, "TWILIO_API_SECRET"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(environ: dict[str, str], told: str) -> None:
    with pytest.raises(Misconfigured, match=told) as caught:
        find_credentials(environ, unasked)
    assert HUSH not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.text())
def test_a_secret_of_another_form_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        find_credentials({"TWILIO_SECRET_ID": "x"}, lambda _: f"{HUSH}{text}")
    assert HUSH not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_secret_is_in_no_text_of_the_credentials() -> None:
    assert HUSH not in f"{TwilioCredentials(KEY, HUSH)!r} {TwilioCredentials(KEY, HUSH)}"
