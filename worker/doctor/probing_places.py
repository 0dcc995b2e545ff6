"""Probes of the places that the worker writes to: CloudWatch, buckets, and its state. Shell.

Permissions are tested with calls that can't succeed, so that nothing is left behind: a datum too
old for CloudWatch to accept, a write on the condition that a missing object is unchanged.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from worker.destinations.cloudwatch.sink import MetricsApi
from worker.doctor.facts import NumberFacts, ProbeOutcome, ProbeResult, State
from worker.doctor.probes import Prober, ResponseFields
from worker.errors import CorruptState, Misconfigured
from worker.objectstore.api import Object, StoreFailure, StoreFailureKind
from worker.objectstore.s3 import Bucket
from worker.partition.delta import Delta, merge_all
from worker.state.s3 import manifest as manifests
from worker.state.s3.manifest import Manifest
from worker.state.s3.ownership import MANIFEST
from worker.state.s3.segment import read_footer
from worker.state.sqlite.file import require_whole
from worker.state.sqlite.view import committed, taken_by

PROBE: Final = "doctor-probe"
"""A key, and the name of a metric, that nothing else uses."""

_NO_TAG: Final = '"no-such-tag"'
_TOO_OLD: Final = timedelta(days=21)


def probe_metrics(prober: Prober, client: MetricsApi, namespace: str, now: int) -> None:
    """Call PutMetricData with a datum that is a week too old for CloudWatch."""
    stamp = datetime.fromtimestamp(now / 1000, UTC) - _TOO_OLD
    datum = {"MetricName": PROBE, "Timestamp": stamp, "Value": 0.0, "Unit": "None"}

    def put() -> ResponseFields:
        answer = client.put_metric_data(Namespace=namespace, MetricData=[datum])
        return answer if isinstance(answer, dict) else {}

    prober.probe("cloudwatch:PutMetricData", f"namespace {namespace}", put, lambda answer: answer)


def probe_written_bucket(prober: Prober, bucket: Bucket, folder: str) -> None:
    """Call PutObject in ``folder``, where only new objects are written, with an empty object, and
    delete it again if that is allowed. A condition that fails would need more permissions than
    the worker does.
    """
    key = f"{folder}/{PROBE}"
    prober.probe_bucket(
        "s3:PutObject", f"{bucket.url}/{folder}", lambda: bucket.put(key, b"", None)
    )
    bucket.delete(key)


def probe_state_bucket(prober: Prober, bucket: Bucket) -> State:
    """Make every kind of call that a state in a bucket needs; return whose state it holds."""
    probe, url = prober.probe_bucket, bucket.url
    probe("s3:ListBucket", url, lambda: bucket.keys(PROBE))
    if isinstance(probe("s3:PutObject", url, lambda: bucket.put(PROBE, b"", _NO_TAG)), str):
        prober.replace(ProbeResult("s3:PutObject", url, ProbeOutcome.UNCONDITIONAL, "If-Match"))
    probe("s3:DeleteObject", url, lambda: bucket.delete(PROBE))
    probe("s3:GetObject", url, lambda: bucket.etag(PROBE))
    found = probe("s3:GetObject", url, lambda: bucket.get(MANIFEST))
    if isinstance(found, Object):
        try:
            manifest = manifests.decode_manifest(found.data)
            numbers = _numbers(_committed(bucket, manifest))
        except CorruptState as error:
            return State(url, problem=str(error))
        return State(url, manifest.stream, manifest.epoch, numbers=numbers)
    if isinstance(found, StoreFailure) and found.kind is not StoreFailureKind.MISSING:
        return State(url, problem=found.detail)
    return State(url)


def probe_state_file(path: Path) -> State:
    """Check that a state file can be written; return whose state it holds."""
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
    """The merged commits in a bucket; None if some can't be read at the moment, as while the owner
    compacts.
    """
    deltas = []
    for segment in manifest.log:
        name, footer, size = segment.ref.name, segment.ref.footer, segment.ref.size
        data = bucket.get_range(name, footer, size - footer)
        if not isinstance(data, bytes):
            return None
        delta = read_footer(data).delta
        if delta is not None:
            deltas.append(delta)
    return merge_all(deltas, bucket.url)


def _numbers(state: Delta | None) -> NumberFacts | None:
    if state is None:
        return None
    counters = state.counters
    closed, sparse = counters.get("sessions_closed", 0), counters.get("sparse_sessions", 0)
    return NumberFacts(closed, sparse, state.found_sparse)
