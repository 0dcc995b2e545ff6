"""``python -m tests.bench.soak``: one worker on live traffic for hours, and whether it stays as
it is: memory, file handles, threads, the size of its state, and how much it logs.

Simulated calls go into the embedded AWS as they happen. In the first half of the time the worker
is ended and killed in turn and started again; in the second it is left alone. Settings are the
usual ones, but what is kept by time is kept for so short that it fills up within the warm-up.
Linux only: the figures of a process are read from /proc.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import click

from tests.bench.soak_report import Sample, by_minute, judge, report
from tests.processes import AWS, LONGEST_S, started
from worker.cli.parameters import Duration
from worker.errors import VoiceInsightsError
from worker.state.sqlite.view import folded
from worker.testing.moto_server import client_of, embedded_aws

_STREAM: Final = "soak"
_SHARDS: Final = 4
_RESTARTS: Final = 4
"""At each eighth of the time, up to its half."""

_SHARE_KEPT: Final = 1 / 8
"""Of the time, for which closed sessions are kept: they are complete before the warm-up ends."""


class Soak:
    """A worker in ``folder`` that is started again and again on one stream and one state."""

    def __init__(self, endpoint: str, folder: Path, length_s: float) -> None:
        self._folder = folder
        self._state = folder / "state.sqlite"
        self._began = time.monotonic()
        self._starts = 0
        kept = max(60, int(length_s * _SHARE_KEPT))
        settings = {
            "stream": _STREAM,
            "endpoint_url": endpoint,
            "state": self._state,
            "records": folder / "sessions.jsonl",
            "dead_letters": folder / "dead-letters.jsonl",
            "log_format": "json",
            "close_idle_s": 120,
            "keep_closed_s": kept,
            "expire_after_s": max(600, kept),
        }
        self._env = {f"VOICE_INSIGHTS_{name.upper()}": str(one) for name, one in settings.items()}

    @property
    def lasted_s(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began

    @contextmanager
    def working(self, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """One start of the worker."""
        self._starts += 1
        with started(
            "run", cwd=self._folder, env={**AWS, **self._env}, stdout=log, stderr=log
        ) as worker:
            yield worker

    def sample(self, pid: int) -> Sample | None:
        """The worker as it is now; None while it has no state yet."""
        if (sizes := self._sizes()) is None:
            return None
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        )
        return Sample(
            self.lasted_s,
            self._starts,
            int(status["VmRSS"].split()[0]) * 1024,
            len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208
            int(status["Threads"]),
            *sizes,
            (self._folder / "worker.log").stat().st_size,
            folded(self._state).occurrences,
        )

    def _sizes(self) -> tuple[int, int, int] | None:
        """Bytes: commits, closed sessions and outbox; the files but for the ledger; the ledger."""
        if not self._state.exists():
            return None
        try:
            with closing(sqlite3.connect(f"{self._state.as_uri()}?mode=ro", uri=True)) as db:
                deltas, closed, outbox, ledger = (
                    int(db.execute(f"SELECT total(length({column})) FROM {table}").fetchone()[0])
                    for table, column in _BLOBS
                )
        except sqlite3.OperationalError:  # its owner is just making it
            return None
        disk = sum(file.stat().st_size for file in self._folder.glob(f"{self._state.name}*"))
        return deltas + closed + outbox, disk - ledger, ledger


_BLOBS: Final = (
    ("deltas", "data"),
    ("closed_sessions", "data"),
    ("outbox", "body"),
    ("ledger", "note"),
)


def soak(
    folder: Path, length_s: float, sessions_a_minute: float, every_s: float, seed: int
) -> list[Sample]:
    """The samples of a run. Raises VoiceInsightsError if the worker or the traffic ends early, or
    the worker, asked to end, fails.
    """
    samples: list[Sample] = []
    with embedded_aws() as endpoint, (folder / "worker.log").open("ab") as log:
        kinesis = client_of("kinesis", endpoint)
        kinesis.create_stream(StreamName=_STREAM, ShardCount=_SHARDS)
        with started(
            *_traffic(length_s, sessions_a_minute, endpoint, seed),
            cwd=folder,
            env=AWS,
            stderr=subprocess.DEVNULL,
        ) as traffic:
            run = Soak(endpoint, folder, length_s)
            ends = [length_s * eighth / 8 for eighth in range(1, _RESTARTS + 1)]
            for number, end in enumerate([*ends, length_s]):
                with run.working(log) as worker:
                    while run.lasted_s < end:
                        time.sleep(every_s)
                        _alive(worker, "the worker", folder)
                        _alive(traffic, "the traffic", folder)
                        if one := run.sample(worker.pid):
                            samples.append(one)
                    _end(worker, kill=number % 2 == 1, folder=folder)
    return samples


def _traffic(length_s: float, sessions_a_minute: float, endpoint: str, seed: int) -> list[Any]:
    """The command that puts it: a little longer than the worker runs."""
    spread_s = length_s + 120
    return [
        *("simulate", "--into", _STREAM, "--endpoint-url", endpoint, "--speed", "1"),
        *("--start", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "--keep-times"),
        *("--sessions", max(1, round(spread_s / 60 * sessions_a_minute))),
        *("--spread", f"{spread_s}s", "--delay-median", "5s", "--seed", seed),
        *("--malformed", "0.002", "--aggregates", "0.05"),
    ]


def _alive(process: subprocess.Popen[bytes], what: str, folder: Path) -> None:
    if process.poll() is not None:
        raise VoiceInsightsError(f"{what} ended early ({process.returncode}): {_log_end(folder)}")


def _end(worker: subprocess.Popen[bytes], *, kill: bool, folder: Path) -> None:
    worker.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
    if worker.wait(LONGEST_S) and not kill:
        raise VoiceInsightsError(f"its end failed ({worker.returncode}): {_log_end(folder)}")


def _log_end(folder: Path) -> str:
    return (folder / "worker.log").read_text(errors="replace")[-2000:]


@click.command()
@click.option("--duration", type=Duration(), default="3h", show_default=True)
@click.option("--every", type=Duration(), default="10s", show_default=True, help="Between samples.")
@click.option("--sessions-per-minute", default=20.0, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Of the simulated traffic.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the worker's files and log in this folder, which must be new.",
)
def main(
    duration: float, every: float, sessions_per_minute: float, seed: int, out: Path | None
) -> None:
    """Run the worker for long, print what it takes by the minute, and say whether that is flat.

    Exits with 1 if a figure isn't: if the medians of the second half differ from those of the
    first by more than a tenth, the warm-up left out.
    """
    if sys.platform != "linux":
        raise click.UsageError("the figures of a process are read from /proc: Linux only")
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = Path(temporary) if out is None else out
        if out is not None:
            out.mkdir(parents=True)
        minutes = by_minute(soak(folder.resolve(), duration, sessions_per_minute, every, seed))
    click.echo(report(minutes), nl=False)
    raise SystemExit(0 if all(one.flat for one in judge(minutes)) else 1)


if __name__ == "__main__":
    main()
