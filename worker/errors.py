"""The errors that the worker raises on purpose; a class says whose fault it is and what to do."""

from __future__ import annotations


class VoiceInsightsError(Exception):
    """The base of all errors below. ``exit_code`` is the command's exit status."""

    exit_code = 1


class Misconfigured(VoiceInsightsError):
    """The operator's fault: a setting or an argument is wrong. Fix it and start again."""

    exit_code = 2


class BadInput(VoiceInsightsError):
    """The caller's fault: a path or a recording can't be read at all. Name another one."""

    exit_code = 2


class Fenced(VoiceInsightsError):
    """Nobody's fault: another worker has acquired the partition. Drop the state and stop at
    once.
    """

    exit_code = 3


class StreamReplaced(VoiceInsightsError):
    """The operator's fault: the stream was created again under its name; old positions are
    invalid.
    """

    exit_code = 4


class CorruptState(VoiceInsightsError):
    """The store's fault: its data can't be read back. Nothing was changed."""

    exit_code = 5


class Unreachable(VoiceInsightsError):
    """The service's or the network's fault: no answer for some time. Start again later."""

    exit_code = 6


class Unreadable(VoiceInsightsError):
    """The sender's fault: an occurrence can't be read. It becomes a dead letter with this
    reason.
    """


class ChainBroken(VoiceInsightsError):
    """The keyed stream's fault, or a router's: something that belongs to a bucket was never
    received. Nothing of the bundle was folded; an operator decides whether to go on without it.

    ``has``, ``after``: sequence numbers of the source ``shard``; what lies between them is missing.
    ``has`` is empty if the bucket has nothing of the shard.
    """

    def __init__(self, bucket: int, shard: str, has: str, after: str) -> None:
        super().__init__(
            f"bucket {bucket}: of {shard} it has all up to {has or 'nothing'}, and the next bundle "
            f"begins after {after}: what lies between was not received; "
            f"`voice-insights fleet skip {bucket} {shard} {after}` passes over it"
        )
        self.bucket, self.shard, self.has, self.after = bucket, shard, has, after
