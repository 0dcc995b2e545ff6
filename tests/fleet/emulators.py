"""An AWS for a fleet on this machine, all of it on loopback: each service by what serves it best.

Kinesis is served by Node (``setup.sh``), whose shards end with their children, or by roto, whose
shards must stay whole. DynamoDB and S3 are roto's, CloudWatch is moto's.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.processes import AWS, LONGEST_S, ROOT
from worker.testing.moto_server import client_of, embedded_aws

NODE_HOME: Final = ROOT / ".venv-fleet"
_SERVER: Final = NODE_HOME / "node_modules" / "kinesis-local"
_LOOPBACK: Final = ROOT / "localstack" / "loopback.cjs"
_LOOK_S: Final = 0.1


class Endpoints(NamedTuple):
    """The addresses of the services."""

    kinesis: str
    dynamodb: str
    s3: str
    cloudwatch: str

    def client(self, service: str) -> Any:
        """A boto3 client of one of them."""
        return client_of(service, getattr(self, service))

    @property
    def environment(self) -> dict[str, str]:
        """What makes AWS's libraries find them."""
        named = {
            "AWS_ENDPOINT_URL_KINESIS": self.kinesis,
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb,
            "AWS_ENDPOINT_URL_S3": self.s3,
            "AWS_ENDPOINT_URL_CLOUDWATCH": self.cloudwatch,
        }
        return {**AWS, "AWS_REGION": AWS["AWS_DEFAULT_REGION"], **named}


@contextmanager
def fleet_aws(*, resharding: bool) -> Iterator[Endpoints]:
    """Run new, empty services until the block ends."""
    with ExitStack() as stack:
        roto = stack.enter_context(_roto())
        moto = stack.enter_context(embedded_aws())
        kinesis = stack.enter_context(_node_kinesis()) if resharding else roto
        yield Endpoints(kinesis, roto, roto, moto)


@contextmanager
def _roto() -> Iterator[str]:
    port = _free_port()
    program = Path(sys.executable).with_name("roto-server")
    command: list[str | Path] = [program, "--host", "127.0.0.1", "--port", str(port), "--ephemeral"]
    with _served(command, port, {}) as endpoint:
        yield endpoint


@contextmanager
def _node_kinesis() -> Iterator[str]:
    port = _free_port()
    more = {
        "KINESIS_MOCK_CERT_PATH": str(_SERVER / "server.json"),
        "KINESIS_MOCK_PLAIN_PORT": str(port),
        "KINESIS_MOCK_TLS_PORT": str(_free_port()),
        "SHARD_LIMIT": "500",
        "LOG_LEVEL": "ERROR",
    }
    command: list[str | Path] = ["node", "-r", _LOOPBACK, _SERVER / "main.js"]
    with _served(command, port, more) as endpoint:
        yield endpoint


@contextmanager
def _served(command: list[str | Path], port: int, more: Mapping[str, str]) -> Iterator[str]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _await(endpoint, process)
        yield endpoint
    finally:
        process.kill()
        process.wait()


def _await(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        assert process.poll() is None, f"what serves {endpoint} has ended"
        try:
            urllib.request.urlopen(endpoint, timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(_LOOK_S)
        else:
            return
    raise AssertionError(f"nothing serves {endpoint}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
