"""An embedded AWS: moto's server on loopback, in a process of its own that ends with its user.

It serves one request at a time. In threads it would lose acknowledged records and let two
writers win one condition. Its time may be driven by its user (``driven_clock``).
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
"""The region to ask the embedded AWS for; any serves, one keeps everything in one place."""

_KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}


_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@contextmanager
def away_from_aws() -> Iterator[None]:
    """This process's environment, and that of its children, without proxies and without any
    configuration of AWS: with an embedded AWS alone, neither has a part to play.
    """
    before = dict(os.environ)
    for name in before:
        if name.startswith("AWS_") or name.lower() in _PROXIES:
            del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",  # of a system that has proxies outside of the environment
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def embedded_aws() -> Iterator[str]:
    """The endpoint of a fresh, empty AWS on a free port of 127.0.0.1, up until the block ends.

    It takes any credentials. Raises Misconfigured if moto isn't installed.
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
        start_new_session=True,  # the terminal's Ctrl-C is its user's to handle
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
    """A boto3 client of the AWS at ``endpoint``."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        **_KEYS,
    )


def serve() -> None:
    """Serve until standard input ends, the port in one line on standard output first."""
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
    """However the parent ends, its end of the pipe closes with it."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    serve()
