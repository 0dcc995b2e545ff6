"""Asking the places that the worker writes to: CloudWatch, buckets, and its state. Shell.

Permission is asked for by calls that can't succeed, so that nothing is left behind: a datum too
old for CloudWatch to take, a write on condition that what isn't there is unchanged.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from worker.destinations.cloudwatch.sink import MetricsApi
from worker.doctor.calls import Calls, Fields
from worker.doctor.facts import Asked, Numbers, Result, State
from worker.errors import CorruptState, Misconfigured
from worker.objectstore.api import Failure, FailureKind, Object
from worker.objectstore.s3 import Bucket
from worker.partition.delta import Delta, merge_all
from worker.state.s3 import manifest as manifests
from worker.state.s3.manifest import Manifest
from worker.state.s3.ownership import MANIFEST
from worker.state.s3.segment import read_tail
from worker.state.sqlite.file import require_whole
from worker.state.sqlite.view import committed, taken_by

PROBE: Final = "doctor-probe"
"""A key, and the name of a metric, that nothing else uses."""

_NO_TAG: Final = '"no-such-tag"'
_TOO_OLD: Final = timedelta(days=21)


def ask_metrics(calls: Calls, client: MetricsApi, namespace: str, now: int) -> None:
    """PutMetricData into a namespace, of a datum a week too old for CloudWatch."""
    stamp = datetime.fromtimestamp(now / 1000, UTC) - _TOO_OLD
    datum = {"MetricName": PROBE, "Timestamp": stamp, "Value": 0.0, "Unit": "None"}

    def put() -> Fields:
        answer = client.put_metric_data(Namespace=namespace, MetricData=[datum])
        return answer if isinstance(answer, dict) else {}

    calls.make("cloudwatch:PutMetricData", f"namespace {namespace}", put, lambda answer: answer)


def ask_written_bucket(calls: Calls, bucket: Bucket, folder: str) -> None:
    """PutObject where only new objects are written: in ``folder``, one of no bytes, taken away
    again if that is allowed. The condition that fails would ask for more permission than the
    worker needs.
    """
    key = f"{folder}/{PROBE}"
    calls.make_of_bucket(
        "s3:PutObject", f"{bucket.url}/{folder}", lambda: bucket.put(key, b"", None)
    )
    bucket.delete(key)


def ask_state_bucket(calls: Calls, bucket: Bucket) -> State:
    """All that the state asks of a bucket, and whose state it holds."""
    make, url = calls.make_of_bucket, bucket.url
    make("s3:ListBucket", url, lambda: bucket.keys(PROBE))
    if isinstance(make("s3:PutObject", url, lambda: bucket.put(PROBE, b"", _NO_TAG)), str):
        calls.replace(Asked("s3:PutObject", url, Result.UNCONDITIONAL, "If-Match"))
    make("s3:DeleteObject", url, lambda: bucket.delete(PROBE))
    make("s3:GetObject", url, lambda: bucket.etag(PROBE))
    found = make("s3:GetObject", url, lambda: bucket.get(MANIFEST))
    if isinstance(found, Object):
        try:
            manifest = manifests.decode(found.data)
            numbers = _numbers(_committed(bucket, manifest))
        except CorruptState as error:
            return State(url, problem=str(error))
        return State(url, manifest.stream, manifest.epoch, numbers=numbers)
    if isinstance(found, Failure) and found.kind is not FailureKind.MISSING:
        return State(url, problem=found.detail)
    return State(url)


def ask_state_file(path: Path) -> State:
    """Whether a state file can be written, and whose state it holds."""
    place = str(path)
    folder = path.resolve().parent
    if not os.access(path if path.exists() else folder, os.W_OK):
        return State(place, problem="it can't be written")
    try:
        taken = taken_by(path)
        if taken is None:
            return State(place)
        require_whole(path)
        return State(place, *taken, numbers=_numbers(committed(path)))
    except (CorruptState, Misconfigured) as error:
        return State(place, problem=str(error))


def _committed(bucket: Bucket, manifest: Manifest) -> Delta | None:
    """What all commits in a bucket amount to; None if something of it can't be had now, as while
    the owner compacts.
    """
    deltas = []
    for segment in manifest.log:
        name, tail, size = segment.ref.name, segment.ref.tail, segment.ref.size
        data = bucket.get_range(name, tail, size - tail)
        if not isinstance(data, bytes):
            return None
        delta = read_tail(data).delta
        if delta is not None:
            deltas.append(delta)
    return merge_all(deltas, bucket.url)


def _numbers(state: Delta | None) -> Numbers | None:
    if state is None:
        return None
    counters = state.counters
    closed, sparse = counters.get("sessions_closed", 0), counters.get("sparse_sessions", 0)
    return Numbers(closed, sparse, state.found_sparse)
