"""Wait until LocalStack is up and has made what the worker needs.

    python await.py PORT SECONDS [PID]

Exit codes: 0 ready, 1 not ready in time, or the process PID is gone, or what LocalStack runs
when it is up has failed, 2 nothing that is LocalStack listens on that port of 127.0.0.1.
With 0 seconds it looks once.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import time
from typing import Any

_LOOK_EVERY_S = 0.2
_ANSWER_WITHIN_S = 5.0


class Failed(Exception):
    """LocalStack will not become ready."""


def look(port: int) -> dict[str, Any] | None:
    """How far LocalStack's start is; None if nothing that is LocalStack answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/_localstack/init/ready")
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) and "completed" in answer else None


def is_ready(answer: dict[str, Any] | None) -> bool:
    """Whether all is there. Raises Failed if something could not be made."""
    if answer is None or not answer["completed"]:
        return False
    failed = [script["name"] for script in answer["scripts"] if script["state"] != "SUCCESSFUL"]
    if failed:
        raise Failed(f"LocalStack is up, but {', '.join(failed)} failed; its log says why")
    return True


def alive(pid: int) -> bool:
    """Whether that process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait(port: int, seconds: float, pid: int | None) -> int:
    """The exit code. Raises Failed."""
    deadline = time.monotonic() + seconds
    while True:
        answer = look(port)
        if is_ready(answer):
            return 0
        if pid is not None and not alive(pid):
            raise Failed("LocalStack ended before it was ready")
        if time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_EVERY_S)
    if answer is not None or listens(port):
        raise Failed(f"what listens on 127.0.0.1:{port} is not ready after {seconds:g} s")
    return 2


def listens(port: int) -> bool:
    """Whether anything does."""
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    port, seconds, *pid = sys.argv[1:]
    try:
        sys.exit(wait(int(port), float(seconds), int(pid[0]) if pid else None))
    except Failed as error:
        sys.exit(f"localstack: {error}")
