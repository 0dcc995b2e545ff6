"""Every error the worker raises on purpose; a class says whose fault it is and what may be done."""

from __future__ import annotations


class VoiceInsightsError(Exception):
    """Base of all errors below. ``exit_code`` is what the command ends with."""

    exit_code = 1


class Misconfigured(VoiceInsightsError):
    """The operator's: a setting or an argument is wrong. Fix it and start again."""

    exit_code = 2


class BadInput(VoiceInsightsError):
    """The caller's: a path or a recording can't be read at all. Name another one."""

    exit_code = 2


class Fenced(VoiceInsightsError):
    """Nobody's: another worker has taken the partition. Drop the state and stop at once."""

    exit_code = 3


class StreamReplaced(VoiceInsightsError):
    """The operator's: the stream was made anew under its old name; positions mean nothing there."""

    exit_code = 4


class CorruptState(VoiceInsightsError):
    """The store's: what it holds can't be read back. Nothing was changed."""

    exit_code = 5


class Unreachable(VoiceInsightsError):
    """The service's or the network's: it didn't answer for some time. Start again later."""

    exit_code = 6


class Unreadable(VoiceInsightsError):
    """The sender's: an occurrence can't be read. It becomes a dead letter with this reason."""
