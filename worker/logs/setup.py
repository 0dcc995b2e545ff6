"""Log setup: JSON lines on a pipe, pretty on a terminal, redacted, and never blocking.

These rules hold:

* a log call never waits: the `LogPump` writes, and drops and counts lines beyond its capacity;
* a log call never raises, whatever its arguments and whatever the state of the stream;
* every line is shorter than 15 KB, the size up to which container runtimes keep lines whole.
"""

from __future__ import annotations

import atexit
import json
import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO

import structlog

from worker.logs.credentials import without_credentials
from worker.logs.pump import LogPump
from worker.logs.redaction import Own, redact_fields
from worker.logs.tracebacks import traceback_of

LOG_LINE_BYTES: Final = 15_000
"""The longest line in bytes, including its newline."""

_AT_EXIT_S: Final = 2.0
_CUT: Final = "…[cut]…"
_FIRST: Final = ("timestamp", "level", "event")

Renderer = Callable[[dict[str, object]], str]


def configure_logging(level: str, form: str, stream: TextIO, own: Own = None) -> LogPump:
    """Send structlog's and the standard library's logs to ``stream``; the caller closes the pump.

    ``level``: debug, info, warning or error, for the worker's own lines; libraries' lines are
    shown from warning up. ``form``: json, pretty, or auto, which is pretty on a terminal.
    ``own``: texts that redaction leaves unchanged.
    """
    pump = LogPump(stream)
    atexit.register(pump.close, _AT_EXIT_S)
    pretty = is_pretty(form, stream)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(traceback_of),
            _Lines(_pretty(colors=stream.isatty()) if pretty else _json, own),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: _PumpLogger(pump),
        cache_logger_on_first_use=False,
    )
    _take_over_standard_logging()
    return pump


def is_pretty(form: str, stream: TextIO) -> bool:
    """Whether log lines of this form on ``stream`` are for people rather than JSON."""
    return form == "pretty" or (form == "auto" and stream.isatty())


class _PumpLogger:
    """The logger to which structlog hands finished lines."""

    def __init__(self, pump: LogPump) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = pump.put


class _Lines:
    """structlog's last processor, which renders an event as one redacted line of bounded size."""

    def __init__(self, render: Renderer, own: Own) -> None:
        self._render = render
        self._own = own

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
        try:
            fields = redact_fields(_without_credentials(event), self._own)
            return fitting_line(fields, self._render)
        except Exception as error:
            return (
                f'{{"event": "a log line could not be written: {type(error).__name__}"}}\n'.encode()
            )


def _without_credentials(event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {
        name: without_credentials(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def fitting_line(fields: dict[str, object], render: Renderer) -> bytes:
    """Render ``fields``; if the line would be too long, cut each long value in its middle."""
    line = _encoded(render(fields))
    for longest in (4_000, 1_000, 200):
        if len(line) <= LOG_LINE_BYTES:
            return line
        line = _encoded(render({key: _shortened(value, longest) for key, value in fields.items()}))
    if len(line) <= LOG_LINE_BYTES:
        return line
    few = {key: fields[key] for key in _FIRST if key in fields}
    return _encoded(render({key: _shortened(value, 400) for key, value in few.items()}))


def _shortened(value: object, longest: int) -> object:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= longest:
        return value
    return f"{text[: longest // 2]}{_CUT}{text[-longest // 2 :]}"


def _encoded(line: str) -> bytes:
    return f"{line}\n".encode(errors="replace")


def _json(fields: dict[str, object]) -> str:
    first = {key: fields[key] for key in _FIRST if key in fields}
    return json.dumps(first | fields, ensure_ascii=False)


def _pretty(*, colors: bool) -> Renderer:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback
    )
    return lambda fields: str(renderer(None, "", dict(fields)))


class _Bridge(logging.Handler):
    """Forwards the standard library's log records to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:
            message = f"{record.msg} (its arguments do not fit)"
        log = structlog.get_logger()
        log.log(
            min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL),
            message,
            logger=record.name,
            exc_info=record.exc_info,
        )


def _take_over_standard_logging() -> None:
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge())
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
