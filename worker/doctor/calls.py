"""Calls to AWS, and what each came to as far as permission goes. Shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from worker.aws.answers import NotTheService
from worker.aws.clients import NO_ANSWER, THROTTLED
from worker.aws.errors import not_of, passes, short_line, words_of
from worker.doctor.facts import Asked, Clocks, Result
from worker.objectstore.api import Failure, FailureKind

Fields = Mapping[str, Any]
T = TypeVar("T")

_STATUS: Final = re.compile(r"\(\d{3}\)|\b[45]\d\d\b")

_HALF_A_SECOND: Final = 500
"""The Date header is cut to whole seconds; on average half of one is missing."""

_BY_CODE: Final = {
    **dict.fromkeys(
        (
            *("AccessDenied", "AccessDeniedException", "KMSAccessDeniedException"),
            *("AuthorizationError", "UnauthorizedOperation", "Forbidden", "403"),
        ),
        Result.DENIED,
    ),
    **dict.fromkeys(
        (
            *("UnrecognizedClientException", "InvalidSignatureException", "ExpiredToken"),
            *("ExpiredTokenException", "InvalidClientTokenId", "InvalidAccessKeyId"),
            *("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
            *("IncompleteSignature", "SignatureDoesNotMatch", "RequestExpired"),
            *("RequestTimeTooSkewed", "InvalidToken", "NotAuthorized"),
        ),
        Result.BAD_CREDENTIALS,
    ),
    **dict.fromkeys(("ResourceNotFoundException", "ResourceNotFound"), Result.MISSING),
    **dict.fromkeys(THROTTLED, Result.THROTTLED),
}
_SERVICES: Final = {"kinesis": "Kinesis", "cloudwatch": "CloudWatch", "s3": "S3"}


class Calls:
    """Makes calls one after the other. ``now`` gives epoch ms, by this machine's clock."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._asked: dict[tuple[str, str], Asked] = {}
        self._clocks: dict[str, Clocks] = {}

    @property
    def asked(self) -> list[Asked]:
        """What each call came to, in the order of the first ones; of several the first bad one."""
        return list(self._asked.values())

    @property
    def clocks(self) -> Clocks | None:
        """Of the service whose clock is farthest from this machine's, by the answer by which they
        agree best: its quickest, mostly.
        """
        return max(self._clocks.values(), key=lambda one: abs(one.skew_ms), default=None)

    @property
    def denied(self) -> bool:
        """Whether a call has been denied; others may not be."""
        return any(one.result is Result.DENIED for one in self._asked.values())

    def make(
        self,
        action: str,
        of: str,
        call: Callable[[], Fields],
        read: Callable[[Fields], T],
    ) -> T | None:
        """What ``read`` makes of the answer to ``call``; None without one of the service's."""
        try:
            answer = call()
            found = read(answer)
        except ClientError as error:
            self._compare_clocks(action, error.response)
            self.note(Asked(action, of, *_result(error)))
        except BotoCoreError as error:
            result = Result.UNREACHABLE if passes(error) else Result.BAD_CREDENTIALS
            self.note(Asked(action, of, result, words_of(error)))
        except NotTheService as error:
            self.note(Asked(action, of, Result.OTHER, words_of(error)))
        except (ResponseParserError, *NO_ANSWER) as error:
            service = _SERVICES[action.partition(":")[0]]
            self.note(Asked(action, of, Result.OTHER, not_of(service, error)))
        else:
            self._compare_clocks(action, answer)
            self.note(Asked(action, of, Result.ALLOWED))
            return found
        return None

    def make_of_bucket(self, action: str, of: str, call: Callable[[], object]) -> object:
        """The same for a call to an ``ObjectStore``, which is given what can't succeed."""
        answer = call()
        self.note(Asked(action, of, *_bucket_result(answer)))
        return answer

    def note(self, asked: Asked) -> None:
        """Keep what a call came to."""
        known = self._asked.get((asked.action, asked.of))
        if known is None or known.result is Result.ALLOWED:
            self._asked[asked.action, asked.of] = asked

    def replace(self, asked: Asked) -> None:
        """Put it in the place of what the same call seemed to come to."""
        self._asked[asked.action, asked.of] = asked

    def _compare_clocks(self, action: str, answer: Fields) -> None:
        service = action.partition(":")[0]
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if date is None:
            return
        server = round(parsedate_to_datetime(date).timestamp() * 1000) + _HALF_A_SECOND
        clocks = Clocks(self._now(), server)
        known = self._clocks.get(service)
        if known is None or abs(clocks.skew_ms) < abs(known.skew_ms):
            self._clocks[service] = clocks


def _result(error: ClientError) -> tuple[Result, str]:
    told = error.response.get("Error", {})
    code = str(told.get("Code", ""))
    detail = short_line(f"{code}: {told.get('Message', '')}")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _BY_CODE:
        return _BY_CODE[code], detail
    if status in (0, 408) or status >= 500:
        return Result.UNREACHABLE, detail
    return Result.REFUSED_LATER, detail


def _is_botocores(failure: Failure) -> bool:
    """Whether it was refused before anybody was asked: ``(STATUS)`` is missing then."""
    return failure.kind is FailureKind.REFUSED and not _STATUS.search(failure.detail)


def _bucket_result(answer: object) -> tuple[Result, str]:
    if not isinstance(answer, Failure):
        return Result.ALLOWED, ""
    code = answer.detail.partition(": ")[2].partition(" ")[0]
    if answer.kind is FailureKind.NOWHERE:
        return Result.MISSING, answer.detail
    if answer.detail.startswith("what answers is not"):
        return Result.OTHER, answer.detail
    if _BY_CODE.get(code) is Result.BAD_CREDENTIALS or _is_botocores(answer):
        return Result.BAD_CREDENTIALS, answer.detail
    if answer.kind in (FailureKind.REFUSED, FailureKind.DENIED):
        return Result.DENIED, answer.detail
    if answer.kind is FailureKind.UNKNOWN:
        return Result.UNREACHABLE, answer.detail
    return Result.ALLOWED, ""
