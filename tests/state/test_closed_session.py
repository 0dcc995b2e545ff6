"""A closed session as bytes is what it was, or of a version that is refused."""

from __future__ import annotations

import msgspec
import pytest

from tests.state.commits import packed
from worker.state.closed_session import VERSION, decode, encode


def test_a_closed_session_comes_back_as_it_was() -> None:
    assert decode(encode(packed(1))) == packed(1)


@pytest.mark.parametrize("version", [0, VERSION + 1, 255])
def test_an_unknown_version_is_refused_whatever_follows(version: int) -> None:
    for rest in (b"", encode(packed(1))[1:]):
        with pytest.raises(msgspec.DecodeError, match=f"version {version}, .* reads {VERSION}"):
            decode(bytes([version]) + rest)


def test_nothing_is_no_closed_session() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(b"")
