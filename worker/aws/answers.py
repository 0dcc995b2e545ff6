"""Detection of answers that don't come from the AWS service but from something on the way to it.

A proxy's sign-in page, a load balancer's error or a server at the wrong port may answer with any
status, including 200 and 404. botocore reads some of these as an empty result or a success.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from botocore.parsers import ResponseParserError

from worker.aws.client_events import ClientEvents

_PAGE: Final = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_BEGINNINGS: Final = {
    "json": (b"{",),
    "rest-json": (b"{",),
    "query": (b"<",),
    "rest-xml": (b"<",),
}
"""The beginnings of a nonempty body, by the service's protocol; other protocols are not checked."""

_NAMES: Final = {
    "kinesis": "Kinesis",
    "cloudwatch": "CloudWatch",
    "s3": "S3",
    "secretsmanager": "Secrets Manager",
}
_SHOWN: Final = 60


class NotTheService(ResponseParserError):  # type: ignore[misc]  # botocore is untyped
    """An answer that is not the service's. ``status``: its HTTP status."""

    def __init__(self, service: str, status: int, problem: str) -> None:
        super().__init__(f"what answers is not {service}: status {status}, {problem}")
        self.status: Final = status


def refuse_other_answers(events: ClientEvents) -> None:
    """Make calls raise ``NotTheService`` if their answer is not the service's."""
    events.register("before-parse", _before_parse)


def _before_parse(**event: Any) -> None:
    operation, response = event["operation_model"], event["response_dict"]
    metadata = operation.service_model.metadata
    service = str(metadata.get("endpointPrefix", "the service"))
    service = _NAMES.get(str(operation.service_model.service_name), service)
    problem = _problem(
        response, str(operation.service_model.resolved_protocol), operation.http.get("method", "")
    )
    if problem is not None:
        raise NotTheService(service, int(response["status_code"]), problem)


def _problem(response: Mapping[str, Any], protocol: str, method: str) -> str | None:
    """A description of an answer that is not the service's; None if it may be."""
    status, body = int(response["status_code"]), response.get("body")
    kind = str(response.get("headers", {}).get("content-type", "")).partition(";")[0].lower()
    if not isinstance(body, bytes):  # a stream, which only a successful answer has
        return "a web page" if kind == "text/html" else None
    if _PAGE.match(body):
        return "a web page"
    beginnings = _BEGINNINGS.get(protocol)
    if beginnings is None or method == "HEAD":
        return None
    if body.strip():
        if body.lstrip().startswith(beginnings):
            return None
        return f"it begins with {body.strip()[:_SHOWN].decode(errors='replace')!r}"
    return f"an empty {kind or 'body'}" if 300 <= status < 500 and status != 304 else None
