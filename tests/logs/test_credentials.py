"""No text shows a credential that this process's environment holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.logs.credentials import credentials_in
from worker.logs.redaction import mask_credentials

TOKEN = "FwoGZXIvYXdzEJr//EXAMPLE+TOKEN=="


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalr/EXAMPLE", "wJalr/EXAMPLE"),
        ("AWS_SESSION_TOKEN", f"{TOKEN}\n", TOKEN),
        ("AWS_SECURITY_TOKEN", f"\r\n{TOKEN}", TOKEN),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN, TOKEN),
        ("AWS_BEARER_TOKEN_BEDROCK", TOKEN, TOKEN),
        ("TWILIO_AUTH_TOKEN", TOKEN, TOKEN),
        ("https_proxy", "http://someone:hunter22@proxy:3128", "hunter22"),
        ("HTTP_PROXY", "http://someone:hunter22@proxy:3128", "someone"),
    ],
)
def test_a_credential_is_hidden_wherever_it_stands(name: str, value: str, hidden: str) -> None:
    told = mask_credentials(f"can't send b'{value}' to {hidden}!", credentials_in({name: value}))
    assert hidden not in told
    assert told.startswith("can't send b'")
    assert told.endswith("!")


@pytest.mark.parametrize(
    "name", ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
)
def test_where_credentials_are_is_no_credential(name: str) -> None:
    assert credentials_in({name: "/run/secrets/token"}) == []


@given(
    st.text("ABCdef019+/=", min_size=6),
    st.sampled_from(["\n", "\r\n", " ", "\n\n", "\t"]),
    st.text("xyz ", max_size=20),
)
def test_a_line_break_in_it_hides_no_part_of_it(part: str, gap: str, around: str) -> None:
    value = f"{part}{gap}{part[::-1]}"
    for form in (value, repr(value), value.replace(gap, "")):
        told = mask_credentials(f"{around}{form}{around}", [value])
        assert part not in told


@pytest.mark.parametrize(
    "text",
    [
        f"Invalid header value b'{TOKEN}\\n'",
        f"An HTTP Client raised an unhandled exception: Invalid header value b'{TOKEN}'",
        f"Authorization: AWS4-HMAC-SHA256 Credential={TOKEN}/20261130/us-east-1",
        f"not a valid key=value pair in Authorization header: 'AWS4-HMAC-SHA256 {TOKEN}'",
        f"The Canonical String for this request should have been 'POST\n{TOKEN}'",
        f'{{"x-amz-security-token": "{TOKEN}"}}',
        f"X-Amz-Security-Token={TOKEN}&X-Amz-Date=2026",
        f"https://s3/b?X-Amz-Signature={TOKEN}",
        f"Proxy-Authorization: Basic {TOKEN}",
        f"Bearer {TOKEN}",
        f"aws_secret_access_key = {TOKEN}",
        f"http://user:{TOKEN.replace('/', '')}@proxy:3128/",
        f"Cookie: session={TOKEN}",
    ],
)
def test_what_looks_like_a_header_is_hidden_though_nobody_knows_it(text: str) -> None:
    told = mask_credentials(text)
    assert "EXAMPLE" not in told
    assert "***" in told


@pytest.mark.parametrize(
    "text",
    [
        "no credentials: Unable to locate credentials",
        "AccessDenied (403): User: arn:aws:sts::123456789012:assumed-role/worker is not authorized",
        'Could not connect to the endpoint URL: "https://kinesis.eu-west-1.amazonaws.com/"',
        "the basic idea is to bear it",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert mask_credentials(text) == text
