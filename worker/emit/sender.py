"""The sender: takes entries out of the outbox, one attempt each, until none is left.

It runs in a thread of its own. What was not applied is tried again without limit, after a
pause with full jitter that grows while nothing goes through; so is what nobody knows about,
and that is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Final, Protocol

from worker.emit.outbox import Entry, Kind, Outcome, Settled, halves
from worker.state.store import Store

_CLAIM: Final = 4
_IDLE_S: Final = 0.5
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0
_LAST_PAUSE_S: Final = 1.0


class Sink(Protocol):
    """Where entries of one kind go."""

    def send(self, body: bytes) -> tuple[Outcome, str]:
        """Make one attempt; its outcome, and an error's name or an empty text."""
        ...


class Observer(Protocol):
    """Who is told what happens to entries."""

    def sent(self, entry: Entry, outcome: Outcome, error: str) -> None:
        """An attempt has ended."""
        ...


class Sender:
    """Empties the outbox of ``store`` into ``sinks``. ``random`` gives numbers in [0, 1)."""

    def __init__(
        self,
        store: Store,
        sinks: Mapping[Kind, Sink],
        observer: Observer,
        random: Callable[[], float],
    ) -> None:
        self._store = store
        self._sinks = sinks
        self._observer = observer
        self._random = random
        self._failures = 0
        self._stopping = Event()
        self._wake = Event()
        self._halted = Event()
        self._thread = Thread(target=self._run, name="sender", daemon=True)
        self.error: BaseException | None = None
        """What ended the thread, if it wasn't ``stop``."""

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def stop(self, timeout_s: float) -> bool:
        """Send what is left, for at most ``timeout_s``; whether the outbox is empty."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout_s)
        self._halted.set()
        return not self._thread.is_alive() and self.error is None

    def send_some(self) -> bool:
        """One round of attempts; False if there was nothing to send."""
        entries = self._store.claim(_CLAIM)
        settled = [self._attempt(entry) for entry in entries]
        if settled:
            self._store.settle(settled)
        return bool(entries)

    def pause_s(self) -> float:
        """How long to wait before the next round: nothing after a success."""
        if not self._failures:
            return 0.0
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * float(2**self._failures))
        return self._random() * longest

    def _attempt(self, entry: Entry) -> Settled:
        outcome, error = self._sinks[entry.kind].send(entry.body)
        self._observer.sent(entry, outcome, error)
        failed = outcome in (Outcome.NOT_APPLIED, Outcome.AMBIGUOUS)
        self._failures = min(self._failures + 1, 16) if failed else 0
        instead = halves(entry) if outcome is Outcome.INVALID else ()
        return Settled(entry.id, outcome, instead)

    def _run(self) -> None:
        try:
            while not self._halted.is_set():
                self._wake.clear()
                if self.send_some():
                    self._rest()
                elif self._stopping.is_set():
                    return
                else:
                    self._wake.wait(_IDLE_S)
        except BaseException as error:
            self.error = error

    def _rest(self) -> None:
        """Pause after a failure; a stop ends the pause and shortens those that follow."""
        if self._stopping.is_set():
            self._halted.wait(min(self.pause_s(), _LAST_PAUSE_S))
        else:
            self._stopping.wait(self.pause_s())
