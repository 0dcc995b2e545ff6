"""A closed session as bytes is what it was, or of a version that is refused."""

from __future__ import annotations

import msgspec
import pytest

from tests.state.commits import evicted
from worker.state.closed_session import CLOSED_SESSION_VERSION, decode_closed, encode_closed


def test_a_closed_session_comes_back_as_it_was() -> None:
    assert decode_closed(encode_closed(evicted(1))) == evicted(1)


@pytest.mark.parametrize("version", [0, CLOSED_SESSION_VERSION + 1, 255])
def test_an_unknown_version_is_refused_whatever_follows(version: int) -> None:
    for rest in (b"", encode_closed(evicted(1))[1:]):
        with pytest.raises(
            msgspec.DecodeError, match=f"version {version}, .* reads {CLOSED_SESSION_VERSION}"
        ):
            decode_closed(bytes([version]) + rest)


def test_nothing_is_no_closed_session() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_closed(b"")
