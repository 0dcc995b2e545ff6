"""Asking a deployment all that is to be known about it. Shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError

from worker.aws.clients import making_a_client, one_attempt
from worker.aws.errors import words_of
from worker.aws.sessions import RenewableCredentials, open_session
from worker.destinations.cloudwatch.sink import MetricsApi
from worker.destinations.objects import DEAD_LETTERS, RECORDS
from worker.doctor.asking_places import (
    ask_metrics,
    ask_state_bucket,
    ask_state_file,
    ask_written_bucket,
)
from worker.doctor.asking_stream import MetricsReader, StreamAsker, load_of
from worker.doctor.calls import Calls
from worker.doctor.facts import Credentials, Facts, State
from worker.opening import Locations
from worker.settings.model import Settings
from worker.sources.kinesis.client import KinesisClient


class CloudWatchClient(MetricsApi, MetricsReader, Protocol):
    """Writes metrics and reads them."""


class Clients:
    """The AWS clients of a deployment, by its settings; each makes one attempt a call."""

    def __init__(self, settings: Settings, credentials: RenewableCredentials) -> None:
        """Raises ``Misconfigured`` if there is no region, or AWS's configuration is wrong."""
        self._settings = settings
        self._credentials = credentials
        self._session = open_session(credentials)
        self.locations = Locations(settings.region, settings.endpoint_url, self._session)
        self.kinesis: KinesisClient = self._client("kinesis")
        self.cloudwatch: CloudWatchClient = self._client("cloudwatch")

    def credentials(self) -> Credentials:
        """How they are found, and why they can't be had."""
        try:
            found = self._credentials.method
            if found is not None:
                self._credentials.get_frozen_credentials()
        except BotoCoreError as error:
            return Credentials(None, words_of(error))
        return Credentials(found)

    def _client(self, service: str) -> Any:  # boto3 is untyped
        with making_a_client(service):
            return self._session.client(
                service,
                region_name=self._settings.region,
                endpoint_url=self._settings.endpoint_url,
                config=one_attempt(1),
            )


def ask(
    clients: Clients,
    settings: Settings,
    stream: str,
    minutes: int,
    sleep: Callable[[float], object],
    now: Callable[[], int],
) -> Facts:
    """All facts about the deployment of ``stream``. ``minutes``: how far back to look into it."""
    calls = Calls(now)
    credentials = clients.credentials()
    asker = StreamAsker(calls, clients.kinesis, stream, sleep, now)
    described = asker.describe()
    sample = load = None
    if described is not None or calls.denied:
        sample = asker.sample(minutes)
        load = load_of(calls, clients.cloudwatch, stream, now())
    if "cloudwatch" in settings.sink:
        ask_metrics(calls, clients.cloudwatch, settings.namespace, now())
    state = _state(calls, clients, settings)
    for place, folder in ((settings.records, RECORDS), (settings.dead_letters, DEAD_LETTERS)):
        bucket = clients.locations.bucket(place)
        if bucket is not None:
            ask_written_bucket(calls, bucket, folder)
    return Facts(credentials, calls.asked, described, load, sample, calls.clocks, state)


def _state(calls: Calls, clients: Clients, settings: Settings) -> State:
    bucket = clients.locations.bucket(settings.state)
    if bucket is not None:
        return ask_state_bucket(calls, bucket)
    return ask_state_file(Path(settings.state))
