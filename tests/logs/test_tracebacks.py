"""A traceback tells where, and of what kind, and nothing that a library was given."""

from __future__ import annotations

import http.client
import sys

import pytest

from worker.errors import BadInput
from worker.logs.tracebacks import traceback_of
from worker.recordings.files import find_shard_files

SECRET = "EXAMPLESESSIONTOKEN"


def caught(error: BaseException) -> str:
    return traceback_of((type(error), error, error.__traceback__))


def send_a_bad_header() -> None:
    connection = http.client.HTTPConnection("127.0.0.1")
    connection.putrequest("GET", "/")
    connection.putheader("X-Token", f"{SECRET}\n")


def send_and_fail() -> None:
    try:
        send_a_bad_header()
    except ValueError as error:
        raise RuntimeError(str(error)) from error


def test_the_words_of_a_library_are_left_out_wherever_they_stand_in_the_chain() -> None:
    with pytest.raises(RuntimeError, match=SECRET) as failed:
        send_and_fail()
    told = caught(failed.value)
    assert SECRET not in told
    assert "ValueError: (a library's message, left out)" in told
    assert "RuntimeError" in told
    assert "in send_a_bad_header" in told
    assert "client.py" in told


def test_the_words_of_the_programs_own_errors_are_kept() -> None:
    with pytest.raises(BadInput) as failed:
        find_shard_files("/no/such/recording")
    told = caught(failed.value)
    assert "BadInput: /no/such/recording: No such file or directory" in told


def test_an_error_without_a_traceback_is_named() -> None:
    assert "KeyError" in caught(KeyError(SECRET))
    assert SECRET not in caught(KeyError(SECRET))
    assert sys.exc_info() == (None, None, None)
