"""An embedded AWS: moto's server on loopback, in its own process that ends with its user's.

It serves one request at a time: with threads moto loses acknowledged records and lets two writers
win one condition. Its user may drive its time (``driven_clock``).
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from importlib.util import find_spec
from typing import Any

import boto3

from worker.errors import Misconfigured, VoiceInsightsError
from worker.testing.driven_clock import DrivenClock

REGION = "us-east-1"
"""The region to use with the embedded AWS; any works, a single one keeps everything together."""

_KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}


_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@contextmanager
def away_from_aws() -> Iterator[None]:
    """Remove proxies and all AWS configuration from the environment of this process and its
    children; an embedded AWS needs neither.
    """
    before = dict(os.environ)
    for name in before:
        if name.startswith("AWS_") or name.lower() in _PROXIES:
            del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",  # for systems with proxies configured outside the environment
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def embedded_aws() -> Iterator[str]:
    """Run a new, empty AWS on a free port of 127.0.0.1 until the block ends; yield its endpoint.

    It accepts any credentials. Raises ``Misconfigured`` if moto isn't installed.
    """
    if find_spec("moto") is None:
        raise Misconfigured(
            "the embedded AWS needs moto; in a checkout of the repository: pip install '.[demo]'"
        )
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # its user handles the terminal's Ctrl-C
    )
    with process:
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            if not port.isdecimal():
                raise VoiceInsightsError("the embedded AWS ended before it was up")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def client_of(service: str, endpoint: str) -> Any:
    """Make a boto3 client of the AWS at ``endpoint``."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        **_KEYS,
    )


def serve() -> None:
    """Print the port as a line on standard output, then serve until standard input ends."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = DomainDispatcherApplication(create_backend_app)
    clock = DrivenClock(moto, lambda: time.time_ns() // 1_000_000)

    class Handler(WSGIRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(
                clock.now_ms() // 1000 if timestamp is None else timestamp, usegmt=True
            )

    server = make_server("127.0.0.1", 0, clock, threaded=False, request_handler=Handler)
    print(server.server_port, flush=True)  # noqa: T201
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server.serve_forever()


def _end_with_parent() -> None:
    """Exit when the parent's end of the pipe closes, however the parent ends."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    serve()
