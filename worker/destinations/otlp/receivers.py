"""Makes the receiver of OTLP that an operator's settings describe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import boto3

from worker.destinations.otlp.http import HttpReceiver, RequestCompression
from worker.destinations.otlp.signing import OwnHeaders, SignatureV4, Signer, is_of_aws
from worker.errors import Misconfigured

Signal = Literal["metrics", "traces"]

SERVICES: Final[Mapping[Signal, str]] = {"metrics": "monitoring", "traces": "xray"}
"""The service of AWS for each signal; its hosts are named after it."""

_AWS_HOST: Final = re.compile(r"(?:monitoring|xray)\.([a-z0-9-]+)\.")


class Place(NamedTuple):
    """The address of a receiver, and how to reach it. ``endpoint``: a base address, or the address
    of one signal. ``auth``: auto is sigv4 for addresses of AWS, else headers. ``timeout_s``: for
    the connection, and again for the answer.
    """

    endpoint: str
    headers: Mapping[str, str] = {}
    auth: Literal["auto", "sigv4", "headers", "none"] = "auto"
    compression: RequestCompression = "gzip"
    timeout_s: float = 10.0


def receiver_of(
    place: Place, signal: Signal, region: str | None, session: boto3.Session
) -> HttpReceiver:
    """Return the receiver of metrics, or of traces. ``region``: for signatures, if the address
    doesn't name one. Raises ``Misconfigured`` if there is none.
    """
    url = url_of(place.endpoint, signal)
    signer = _signer(place, url, signal, region, session)
    return HttpReceiver(url, signer, place.compression, place.timeout_s)


def url_of(endpoint: str, signal: Signal) -> str:
    """Return the address of a signal: the path of OTLP is appended if missing. AWS has one host for
    each signal; either may be given for both.
    """
    end = f"/v1/{signal}"
    url = endpoint.rstrip("/")
    for other in SERVICES:
        url = url.removesuffix(f"/v1/{other}")
    if is_of_aws(url):
        url = re.sub(r"(?<=://)(?:monitoring|xray)(?=\.)", SERVICES[signal], url)
    return url + end


def _signer(
    place: Place, url: str, signal: Signal, region: str | None, session: boto3.Session
) -> Signer:
    if place.auth == "none":
        return OwnHeaders({})
    if place.auth == "headers" or (place.auth == "auto" and not is_of_aws(url)):
        return OwnHeaders(place.headers)
    named = _AWS_HOST.match(urlsplit(url).hostname or "")
    known = named.group(1) if named else region or session.region_name
    if known is None:
        raise Misconfigured(
            "no region to sign requests over OTLP for: give --region, or set VOICE_INSIGHTS_REGION "
            "or AWS_DEFAULT_REGION"
        )
    return SignatureV4(session.get_credentials(), SERVICES[signal], known, place.headers)
