"""Calls to AWS, and the outcome of each with regard to permission. Shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from worker.aws.answers import NotTheService
from worker.aws.clients import MALFORMED_RESPONSE, THROTTLED
from worker.aws.errors import not_of, passes, short_line, words_of
from worker.doctor.facts import ClockReadings, ProbeOutcome, ProbeResult
from worker.objectstore.api import StoreFailure, StoreFailureKind

ResponseFields = Mapping[str, Any]
_T = TypeVar("_T")

_STATUS: Final = re.compile(r"\(\d{3}\)|\b[45]\d\d\b")

_HALF_A_SECOND: Final = 500
"""The Date header is truncated to whole seconds, half a second on average."""

_BY_CODE: Final = {
    **dict.fromkeys(
        (
            *("AccessDenied", "AccessDeniedException", "KMSAccessDeniedException"),
            *("AuthorizationError", "UnauthorizedOperation", "Forbidden", "403"),
        ),
        ProbeOutcome.DENIED,
    ),
    **dict.fromkeys(
        (
            *("UnrecognizedClientException", "InvalidSignatureException", "ExpiredToken"),
            *("ExpiredTokenException", "InvalidClientTokenId", "InvalidAccessKeyId"),
            *("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
            *("IncompleteSignature", "SignatureDoesNotMatch", "RequestExpired"),
            *("RequestTimeTooSkewed", "InvalidToken", "NotAuthorized"),
        ),
        ProbeOutcome.BAD_CREDENTIALS,
    ),
    **dict.fromkeys(("ResourceNotFoundException", "ResourceNotFound"), ProbeOutcome.MISSING),
    **dict.fromkeys(THROTTLED, ProbeOutcome.THROTTLED),
}
_SERVICES: Final = {"kinesis": "Kinesis", "cloudwatch": "CloudWatch", "s3": "S3"}


class Prober:
    """Makes calls one after the other. ``now`` gives epoch ms by this machine's clock."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._probed: dict[tuple[str, str], ProbeResult] = {}
        self._clocks: dict[str, ClockReadings] = {}

    @property
    def probed(self) -> list[ProbeResult]:
        """The outcomes by action and resource, in order of the first calls; of several calls the
        first bad outcome counts.
        """
        return list(self._probed.values())

    @property
    def clocks(self) -> ClockReadings | None:
        """The readings of the service whose clock is farthest from this machine's, taken from the
        answer in which the two are closest: usually the quickest one.
        """
        return max(self._clocks.values(), key=lambda one: abs(one.skew_ms), default=None)

    @property
    def denied(self) -> bool:
        """Whether any call has been denied."""
        return any(one.result is ProbeOutcome.DENIED for one in self._probed.values())

    def probe(
        self,
        action: str,
        of: str,
        call: Callable[[], ResponseFields],
        read: Callable[[ResponseFields], _T],
    ) -> _T | None:
        """Make ``call`` and return what ``read`` makes of its answer; None without an answer."""
        try:
            answer = call()
            found = read(answer)
        except ClientError as error:
            self._compare_clocks(action, error.response)
            self.note(ProbeResult(action, of, *_result(error)))
        except BotoCoreError as error:
            result = ProbeOutcome.UNREACHABLE if passes(error) else ProbeOutcome.BAD_CREDENTIALS
            self.note(ProbeResult(action, of, result, words_of(error)))
        except NotTheService as error:
            self.note(ProbeResult(action, of, ProbeOutcome.OTHER, words_of(error)))
        except (ResponseParserError, *MALFORMED_RESPONSE) as error:
            service = _SERVICES[action.partition(":")[0]]
            self.note(ProbeResult(action, of, ProbeOutcome.OTHER, not_of(service, error)))
        else:
            self._compare_clocks(action, answer)
            self.note(ProbeResult(action, of, ProbeOutcome.ALLOWED))
            return found
        return None

    def probe_bucket(self, action: str, of: str, call: Callable[[], object]) -> object:
        """Make a call to an ``ObjectStore``, usually one that can't succeed; return its answer."""
        answer = call()
        self.note(ProbeResult(action, of, *_bucket_result(answer)))
        return answer

    def note(self, probed: ProbeResult) -> None:
        """Keep a call's outcome."""
        known = self._probed.get((probed.action, probed.of))
        if known is None or known.result is ProbeOutcome.ALLOWED:
            self._probed[probed.action, probed.of] = probed

    def replace(self, probed: ProbeResult) -> None:
        """Replace the outcome of the same call."""
        self._probed[probed.action, probed.of] = probed

    def _compare_clocks(self, action: str, answer: ResponseFields) -> None:
        service = action.partition(":")[0]
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if date is None:
            return
        server = round(parsedate_to_datetime(date).timestamp() * 1000) + _HALF_A_SECOND
        clocks = ClockReadings(self._now(), server)
        known = self._clocks.get(service)
        if known is None or abs(clocks.skew_ms) < abs(known.skew_ms):
            self._clocks[service] = clocks


def _result(error: ClientError) -> tuple[ProbeOutcome, str]:
    fields = error.response.get("Error", {})
    code = str(fields.get("Code", ""))
    detail = short_line(f"{code}: {fields.get('Message', '')}")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _BY_CODE:
        return _BY_CODE[code], detail
    if status in (0, 408) or status >= 500:
        return ProbeOutcome.UNREACHABLE, detail
    return ProbeOutcome.REFUSED_LATER, detail


def _is_botocores(failure: StoreFailure) -> bool:
    """Whether botocore refused the call before sending it: ``(STATUS)`` is missing then."""
    return failure.kind is StoreFailureKind.REFUSED and not _STATUS.search(failure.detail)


def _bucket_result(answer: object) -> tuple[ProbeOutcome, str]:
    if not isinstance(answer, StoreFailure):
        return ProbeOutcome.ALLOWED, ""
    code = answer.detail.partition(": ")[2].partition(" ")[0]
    if answer.kind is StoreFailureKind.BUCKET_MISSING:
        return ProbeOutcome.MISSING, answer.detail
    if answer.detail.startswith("what answers is not"):
        return ProbeOutcome.OTHER, answer.detail
    if _BY_CODE.get(code) is ProbeOutcome.BAD_CREDENTIALS or _is_botocores(answer):
        return ProbeOutcome.BAD_CREDENTIALS, answer.detail
    if answer.kind in (StoreFailureKind.REFUSED, StoreFailureKind.DENIED):
        return ProbeOutcome.DENIED, answer.detail
    if answer.kind is StoreFailureKind.UNKNOWN:
        return ProbeOutcome.UNREACHABLE, answer.detail
    return ProbeOutcome.ALLOWED, ""
