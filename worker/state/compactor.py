"""Compaction beside the worker's loop, in a thread of its own."""

from __future__ import annotations

from threading import Event, Thread

from worker.state.store import Store


class Compactor:
    """Compacts ``store`` at once, for the sake of a worker that always dies soon, and then every
    ``interval_s``, until stopped.
    """

    def __init__(self, store: Store, interval_s: float) -> None:
        self._store = store
        self._interval_s = interval_s
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="compactor", daemon=True)
        self.error: BaseException | None = None
        """The error that ended the thread; None if none did."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop, after a compaction in progress. Harmless before ``start``."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._store.compact()
                self._stopping.wait(self._interval_s)
        except BaseException as error:
            self.error = error
