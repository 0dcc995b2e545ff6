"""Probing of a whole deployment. Shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError

from worker.aws.clients import client_errors, no_retry_config
from worker.aws.errors import words_of
from worker.aws.sessions import RenewableCredentials, open_session
from worker.destinations.cloudwatch.sink import MetricsApi
from worker.destinations.objects import DEAD_LETTERS, RECORDS
from worker.doctor.facts import CredentialFacts, Facts, State
from worker.doctor.probes import Prober
from worker.doctor.probing_places import (
    probe_metrics,
    probe_state_bucket,
    probe_state_file,
    probe_written_bucket,
)
from worker.doctor.probing_stream import MetricsReader, StreamProber, load_of
from worker.opening import Locations
from worker.settings.model import Settings
from worker.sources.kinesis.client import KinesisClient
from worker.wiring import otlp_package


class CloudWatchClient(MetricsApi, MetricsReader, Protocol):
    """Writes metrics and reads them."""


class Clients:
    """The AWS clients of a deployment, by its settings; each makes one attempt per call."""

    def __init__(self, settings: Settings, credentials: RenewableCredentials) -> None:
        """Raises ``Misconfigured`` if there is no region, or AWS's configuration is wrong."""
        self._settings = settings
        self._credentials = credentials
        self.session = open_session(credentials)
        self.locations = Locations(settings.region, settings.endpoint_url, self.session)
        self.kinesis: KinesisClient = self._client("kinesis")
        self.cloudwatch: CloudWatchClient = self._client("cloudwatch")

    def credentials(self) -> CredentialFacts:
        """The method that finds the credentials, or the reason why they can't be loaded."""
        try:
            found = self._credentials.method
            if found is not None:
                self._credentials.get_frozen_credentials()
        except BotoCoreError as error:
            return CredentialFacts(None, words_of(error))
        return CredentialFacts(found)

    def _client(self, service: str) -> Any:  # boto3 is untyped
        with client_errors(service):
            return self.session.client(
                service,
                region_name=self._settings.region,
                endpoint_url=self._settings.endpoint_url,
                config=no_retry_config(1),
            )


def probe_deployment(
    clients: Clients,
    settings: Settings,
    stream: str,
    minutes: int,
    sleep: Callable[[float], object],
    now: Callable[[], int],
) -> Facts:
    """Find out all facts about a deployment. ``minutes``: how far back to sample the stream."""
    prober = Prober(now)
    credentials = clients.credentials()
    asker = StreamProber(prober, clients.kinesis, stream, sleep, now)
    described = asker.describe()
    sample = load = None
    if described is not None or prober.denied:
        sample = asker.sample(minutes)
        load = load_of(prober, clients.cloudwatch, stream, now())
    if "cloudwatch" in settings.sink:
        probe_metrics(prober, clients.cloudwatch, settings.namespace, now())
    if "otlp" in settings.sink or settings.traces != "off":
        with otlp_package():
            from worker.doctor.probing_otlp import probe_receivers

        probe_receivers(prober, settings, clients.session)
    state = _state(prober, clients, settings)
    for place, folder in ((settings.records, RECORDS), (settings.dead_letters, DEAD_LETTERS)):
        bucket = clients.locations.bucket(place)
        if bucket is not None:
            probe_written_bucket(prober, bucket, folder)
    return Facts(credentials, prober.probed, described, load, sample, prober.clocks, state)


def _state(prober: Prober, clients: Clients, settings: Settings) -> State:
    bucket = clients.locations.bucket(settings.state)
    if bucket is not None:
        return probe_state_bucket(prober, bucket)
    if settings.fleet_stream is not None:
        return State(settings.state)  # a folder of states, each of which is looked at by itself
    return probe_state_file(Path(settings.state))
