"""Checks of credentials, permissions, clocks and the state's owner. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from worker.doctor.facts import ClockReadings, Expectations, Facts, ProbeOutcome, ProbeResult, State
from worker.doctor.findings import Finding, fail, not_known, ok, warn
from worker.times.rfc3339 import format_ms

_SKEW_WARN_MS: Final = 5_000
_SKEW_FAIL_MS: Final = 240_000
"""AWS rejects signatures that are 5 minutes off."""

_NO_ANSWER: Final = (ProbeOutcome.UNREACHABLE, ProbeOutcome.NOT_ASKED, ProbeOutcome.OTHER)

OPTIONAL: Final = frozenset({"cloudwatch:GetMetricData"})
"""Actions that only the doctor uses; the worker doesn't need them."""


def access(facts: Facts, expected: Expectations) -> Iterator[Finding]:
    """Check credentials, each permission, the clock, and the state's owner."""
    yield _credentials(facts)
    yield from (_permission(one) for one in facts.probed)
    yield _clock(facts.clocks)
    yield _state(facts.state, expected.stream)


def _credentials(facts: Facts) -> Finding:
    found, problem = facts.credentials
    if problem is not None:
        return fail("credentials", problem, "renew them")
    if found is None:
        return fail(
            "credentials",
            "none found",
            "give the task a role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and its secret",
        )
    bad = next((one for one in facts.probed if one.result is ProbeOutcome.BAD_CREDENTIALS), None)
    if bad is not None:
        return fail(
            "credentials",
            f"AWS rejects those found by {found}: {bad.detail}",
            "renew them; if they are new, check this machine's clock and the region",
        )
    if not _any_answer(facts.probed):
        return not_known(
            "credentials",
            f"found by {found}, not tested",
            "find out why no call was answered",
        )
    return ok("credentials", f"found by {found}, and accepted")


def _any_answer(probed: Iterable[ProbeResult]) -> bool:
    return any(one.result not in _NO_ANSWER for one in probed)


def _permission(one: ProbeResult) -> Finding:
    check = f"{one.action} of {one.of}"
    service = one.action.partition(":")[0]
    if one.result is ProbeOutcome.ALLOWED:
        return ok(check, one.detail or "allowed")
    if one.result is ProbeOutcome.REFUSED_LATER:
        return ok(
            check,
            "not denied: the probe was rejected for its contents, so that it leaves nothing behind "
            f"(AWS doesn't promise to check permissions first): {one.detail}",
        )
    if one.result is ProbeOutcome.DENIED:
        return _denied(check, one)
    if one.result is ProbeOutcome.BAD_CREDENTIALS:
        return not_known(check, one.detail, "see credentials")
    if one.result is ProbeOutcome.MISSING:
        return fail(check, f"doesn't exist: {one.detail}", "check name, account and region")
    if one.result is ProbeOutcome.THROTTLED:
        return warn(check, f"throttled: {one.detail}", "find out what else reads or calls so often")
    if one.result is ProbeOutcome.OTHER:
        return fail(
            check,
            one.detail,
            "find out what is at that address or on the way: a proxy, a sign-in page, another port",
        )
    if one.result is ProbeOutcome.UNCONDITIONAL:
        return fail(
            check,
            f"this store ignores {one.detail}: two workers would not notice each other",
            "keep the state in a store with conditional writes, such as S3, or in a file",
        )
    if one.result is ProbeOutcome.UNREACHABLE:
        return fail(
            check,
            f"{service} can't be reached: {one.detail}",
            f"check the network path to {service}: route, VPC endpoint, proxy, security group",
        )
    return not_known(
        check, one.detail or "not tested", "fix the problems above, and run doctor again"
    )


def _denied(check: str, one: ProbeResult) -> Finding:
    if one.action in OPTIONAL:
        return not_known(
            check,
            "denied",
            f"the worker doesn't need {one.action}; grant it to the role that runs doctor",
        )
    if one.action.startswith("otlp:"):
        return fail(check, f"denied: {one.detail}", "check otlp_headers, otlp_auth and the key")
    if "KMS" in one.detail:
        return fail(check, f"denied: {one.detail}", "allow kms:Decrypt with the stream's key")
    return fail(check, f"denied: {one.detail}", f"allow {one.action} on {one.of} to this role")


def _clock(clocks: ClockReadings | None) -> Finding:
    if clocks is None:
        return not_known(
            "clock", "no answer to compare it with", "find out why no call was answered"
        )
    skew_ms = clocks.skew_ms
    skew = f"{abs(skew_ms) / 1000:.1f} s {'ahead of' if skew_ms > 0 else 'behind'} AWS's"
    advice = "have a time service set the machine's clock"
    if abs(skew_ms) >= _SKEW_FAIL_MS:
        both = f"it says {format_ms(clocks.machine)}, AWS's answers {format_ms(clocks.server)}"
        return fail(
            "clock",
            f"{skew}: {both}; at 5 min AWS rejects all calls, and shards without records hold "
            "stream time back until both clocks agree",
            f"{advice}; if it is right, find out what dates the answers: a proxy, an emulator",
        )
    if abs(skew_ms) >= _SKEW_WARN_MS:
        return warn("clock", skew, advice)
    return ok("clock", skew)


def _state(state: State, stream: str) -> Finding:
    check = "state"
    if state.problem is not None:
        return fail(check, f"{state.place}: {state.problem}", "see the setting state")
    if state.stream is None:
        return ok(
            check, f"{state.place}: none yet, so the worker will begin where the setting start says"
        )
    owner = f"{state.place}: of {state.stream}, acquired {_times(state.epoch)}"
    name = stream.rpartition("/")[2]
    if name != state.stream.partition(",")[0].rpartition("/")[2]:
        return fail(check, owner, f"name another state for {name}: this one is another stream's")
    return ok(check, owner)


def _times(count: int | None) -> str:
    return "once" if count == 1 else f"{count} times"
