"""The key for Pinecall: found where it may be, shown nowhere."""

from __future__ import annotations

import pytest

from worker.errors import Misconfigured
from worker.pinecall.credentials import find_key

KEY = "pc_test_0123456789"


def _no_secret(name: str) -> str:
    raise AssertionError(name)


def test_the_environment_gives_the_key_or_names_a_secret() -> None:
    assert find_key({"PINECALL_API_KEY": f" {KEY}\n"}, _no_secret).value == KEY
    both = {"PINECALL_API_KEY": "other-key", "PINECALL_SECRET_ID": "mine"}
    for text in (KEY, f'{{"PINECALL_API_KEY": "{KEY}"}}', f"{KEY}\n"):
        assert find_key(both, lambda _, text=text: text).value == KEY  # type: ignore[misc]


def test_a_key_is_in_no_text_of_its_object() -> None:
    assert KEY not in repr(find_key({"PINECALL_API_KEY": KEY}, _no_secret))


@pytest.mark.parametrize("text", ["", "tiny", "with spaces in it", "{broken", "{}", '{"a": 1}'])
def test_what_is_no_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        find_key({"PINECALL_SECRET_ID": "mine"}, lambda _: text)
    assert not text or text not in str(refused.value)


def test_without_a_key_the_message_says_where_to_put_one() -> None:
    with pytest.raises(Misconfigured, match="PINECALL_API_KEY"):
        find_key({}, _no_secret)
