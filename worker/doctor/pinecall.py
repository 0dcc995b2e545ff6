"""Checks of Pinecall's side: its key, what it may read, and how far the bridge is behind. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from worker.doctor.findings import Finding, fail, not_known, ok, warn
from worker.pinecall.api import CallsPage, Failure, FailureKind, LogPage, Sealed
from worker.pinecall.checkpoint import Checkpoint

_ASKING: Final = "Pinecall"
_SCOPE: Final = "Pinecall: scope"
_BRIDGE: Final = "Pinecall: bridge"
_LAG: Final = "Pinecall: lag"

_STANDS_STILL: Final = 300_000
"""So long (ms) after the list of calls was last read the bridge stands still."""

_ADVICE: Final = {
    FailureKind.BAD_KEY: "put a key that is valid into PINECALL_API_KEY, or into the secret",
    FailureKind.FORBIDDEN: "give the key the scope `calls`, and name its world (pinecall_env)",
    FailureKind.MISSING: "check pinecall_url",
    FailureKind.REFUSED: "check pinecall_url; the interface may have changed",
    FailureKind.THROTTLED: "ask again later",
    FailureKind.AWAY: "check pinecall_url, the way there, and Pinecall's status",
    FailureKind.UNREADABLE: "check pinecall_url and the way there: something else answers",
}


class PinecallFacts(NamedTuple):
    """``problem``: why Pinecall could not be asked at all. ``listed``: the newest calls; ``log``:
    the first page of one of them, None if there is none. ``checkpoint``: the bridge's, None if
    nothing is there; ``unread``: why it can't be read. ``now``: epoch ms.
    """

    problem: str | None
    listed: CallsPage | Failure | None
    log: LogPage | Sealed | Failure | None
    checkpoint: Checkpoint | None
    unread: str | None
    now: int


def pinecall_findings(facts: PinecallFacts) -> Iterator[Finding]:
    """Access, scope, whether the bridge works, and its lag."""
    yield _access(facts)
    yield _scope(facts)
    yield _bridge(facts)
    yield _lag(facts)


def _access(facts: PinecallFacts) -> Finding:
    if facts.problem is not None:
        return fail(_ASKING, facts.problem, "see `voice-insights bridge pinecall --help`")
    if isinstance(facts.listed, Failure):
        return fail(_ASKING, facts.listed.detail, _ADVICE[facts.listed.kind])
    return ok(_ASKING, "answers, and takes the key")


def _scope(facts: PinecallFacts) -> Finding:
    if not isinstance(facts.listed, CallsPage):
        return not_known(_SCOPE, "the list of calls could not be read", "see above")
    if isinstance(facts.log, Failure):
        return fail(_SCOPE, f"a call's log: {facts.log.detail}", _ADVICE[facts.log.kind])
    if facts.log is None:
        return not_known(_SCOPE, "there are no calls yet whose log could be read", "make one")
    return ok(_SCOPE, "the list of calls and their logs can be read")


def _bridge(facts: PinecallFacts) -> Finding:
    if facts.unread is not None:
        return fail(_BRIDGE, facts.unread, "check pinecall_checkpoint")
    if facts.checkpoint is None or facts.checkpoint.listed is None:
        return not_known(_BRIDGE, "there is no checkpoint yet", "start the bridge")
    age = facts.now - facts.checkpoint.listed
    if age > _STANDS_STILL:
        return fail(
            _BRIDGE,
            f"has not read the list of calls for {age // 1000:,} s",
            "look at its log and at /readyz; see BridgeHeartbeat in the runbook",
        )
    return ok(_BRIDGE, f"has read the list of calls {max(0, age) // 1000} s ago")


def _lag(facts: PinecallFacts) -> Finding:
    if not isinstance(facts.listed, CallsPage) or facts.checkpoint is None:
        return not_known(_LAG, "it takes the list of calls and a checkpoint", "see above")
    since = facts.checkpoint.listed or 0
    behind = unknown = 0
    for row in facts.listed.calls:
        known = facts.checkpoint.calls.get(row.call)
        if known is not None:
            behind += 0 if known.finished else max(0, row.last - known.read)
        elif row.started is not None and facts.checkpoint.listed and row.started < since:
            unknown += row.live
    detail = f"{behind:,} entries of the newest {len(facts.listed.calls)} calls behind"
    if unknown:
        return warn(
            _LAG,
            f"{detail}, and {unknown} calls under way that the bridge doesn't follow",
            "it looks back pinecall_lookback_s at its first start; older calls it never takes",
        )
    return ok(_LAG, detail)
