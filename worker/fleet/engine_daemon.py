"""The Kinesis Client Library in Java, by its daemon for other languages, as an engine. Shell.

The daemon is a process of Java, and starts one of ours for each shard (``daemon_child``). It comes
with the package kclpy-ext; Java 17 or newer must be installed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final
from uuid import uuid4

from worker.errors import Misconfigured, VoiceInsightsError
from worker.fleet.processor import FleetApplication

_MAIN: Final = "software.amazon.kinesis.multilang.MultiLangDaemon"
TASK_ALIVE: Final = "FLEET_TASK_ALIVE"
"""The variable that names a pipe to a child: the pipe ends when the task has ended in any way."""

_ASK_EVERY_S: Final = 0.2
_SHUTDOWN_S: Final = 20.0
_LOGGING: Final = """\
<configuration>
  <appender name="stderr" class="ch.qos.logback.core.ConsoleAppender">
    <target>System.err</target>
    <encoder><pattern>%d %-5level %logger{36} %msg%n</pattern></encoder>
  </appender>
  <logger name="software.amazon.kinesis.multilang.DrainChildSTDERRTask" level="OFF" />
  <root level="WARN"><appender-ref ref="stderr" /></root>
</configuration>
"""
"""The daemon passes on the lines of the child processes anyway, and would log them twice."""


class DaemonEngine:
    """A ``FleetEngine``. ``child``: returns the command of a process for a shard of an application,
    by the application's name.
    """

    def __init__(self, child: Callable[[str], Sequence[str]]) -> None:
        self._child = child

    def run(self, application: FleetApplication, stop: Callable[[], bool]) -> None:
        """See ``FleetEngine.run``; ``make`` is called in the children. Raises ``Misconfigured`` if
        Java or the package isn't installed.
        """
        java, jars = _java(), _jars()
        with TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            alive = folder / "alive"
            os.mkfifo(alive)
            held = os.open(alive, os.O_RDWR)  # for as long as this process lives
            program = folder / "child"
            command = shlex.join(self._child(application.name))
            text = f"#!/bin/sh\n{TASK_ALIVE}={shlex.quote(str(alive))} exec {command}\n"
            program.write_text(text, encoding="utf-8")
            program.chmod(0o700)
            properties = folder / "daemon.properties"
            lines = daemon_properties(application, str(program), _worker_id())
            properties.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            logging = folder / "logback.xml"
            logging.write_text(_LOGGING, encoding="utf-8")
            process = subprocess.Popen(  # noqa: S603
                [
                    *(java, "-cp", f"{jars}/*", _MAIN),
                    *("--properties-file", properties, "--log-configuration", logging),
                ],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                start_new_session=True,  # this process handles a terminal's Ctrl-C
            )
            try:
                _watch(process, stop)
            finally:
                os.close(held)


def _watch(process: subprocess.Popen[bytes], stop: Callable[[], bool]) -> None:
    try:
        while not stop():
            code = process.poll()
            if code is not None:
                raise VoiceInsightsError(f"the daemon ended by itself, with exit code {code}")
            sleep(_ASK_EVERY_S)
        process.send_signal(signal.SIGTERM)
        until = monotonic() + _SHUTDOWN_S
        while process.poll() is None and monotonic() < until:
            sleep(_ASK_EVERY_S)
    finally:
        process.kill()  # the daemon's children end when their input does
        process.wait()


def daemon_properties(application: FleetApplication, program: str, worker: str) -> list[str]:
    """Return the lines of the daemon's configuration."""
    start = application.start
    begin = (
        ["initialPositionInStream = TRIM_HORIZON"]
        if start == "trim_horizon"
        else [f"initialPositionInStreamExtended = {start // 1000}"]
    )
    endpoint = application.endpoint
    return [
        f"executableName = {program}",
        f"streamName = {application.stream}",
        f"applicationName = {application.name}",
        f"workerId = {worker}",
        "AwsCredentialsProvider = DefaultCredentialsProvider",
        "processingLanguage = python",
        *begin,
        *([f"regionName = {application.region}"] if application.region else _region()),
        *([f"kinesisEndpoint = {endpoint}", f"dynamoDBEndpoint = {endpoint}"] if endpoint else []),
        f"retrievalMode = {'FANOUT' if application.fan_out else 'POLLING'}",
        f"idleTimeBetweenReadsInMillis = {application.idle_ms}",
        "shardSyncIntervalMillis = 10000",
        "metricsLevel = NONE",
    ]


def _region() -> list[str]:
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return [f"regionName = {found}"] if found else []


def _worker_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise Misconfigured("the engine daemon needs Java 17 or newer: no java was found")
    return found


def _jars() -> Path:
    spec = find_spec("amazon_kclpy")
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(
            "the engine daemon needs the package kclpy-ext: in a checkout, "
            "pip install '.[fleet-java]'"
        )
    return Path(spec.submodule_search_locations[0]) / "jars"
