from __future__ import annotations

import io
import os

from worker.logs.pump import LogPump

LONG_S = 30.0


def test_a_pipe_that_is_read_again_goes_on_with_what_was_queued() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        pump = LogPump(pipe, queued_at_most=500_000)
        lines = [b"%06d%s\n" % (number, b"x" * 993) for number in range(2_000)]
        for line in lines:
            pump.put(line)
        dropped = pump.dropped()
        assert dropped > 0
        with os.fdopen(reader, "rb") as end:
            kept = [end.readline() for _ in range(2_000 - dropped)]
        pump.close(LONG_S)
    assert kept == sorted(set(kept))  # in order, none twice: each begins with its number
    assert set(kept) <= set(lines)
    assert pump.dropped() == dropped


def test_a_closed_pipe_and_a_closed_stream_lose_lines_and_nothing_else() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        broken = LogPump(pipe)
        broken.put(b"lost\n")
        broken.close(LONG_S)
    assert broken.dropped() == 1
    memory = io.StringIO()
    memory.close()
    gone = LogPump(memory)
    gone.put(b"lost\n")
    gone.close(LONG_S)
    assert gone.dropped() == 1


def test_a_nonblocking_descriptor_gets_every_line() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with os.fdopen(writer, "w") as pipe:
        pump = LogPump(pipe)
        for _ in range(300):
            pump.put(b"x" * 999 + b"\n")
        with os.fdopen(reader, "rb") as end:
            for _ in range(300):
                assert end.readline() == b"x" * 999 + b"\n"
        pump.close(LONG_S)
    assert pump.dropped() == 0


def test_a_stream_in_memory_gets_the_lines_too() -> None:
    memory = io.StringIO()
    pump = LogPump(memory)
    pump.put("é\n".encode())
    pump.close(LONG_S)
    pump.close(LONG_S)
    assert memory.getvalue() == "é\n"


def test_the_stream_may_be_closed_before_its_lines_are_written() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        pump = LogPump(pipe)
    pump.put(b"still written\n")
    pump.close(LONG_S)
    with os.fdopen(reader, "rb") as end:
        assert end.read() == b"still written\n"
