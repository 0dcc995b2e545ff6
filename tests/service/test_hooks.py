"""Hooks: nobody has to override any, and those who listen together hear the same."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from worker.service.hooks import EventFanOut, WorkerEvents

HOOKS = [name for name, _ in inspect.getmembers(WorkerEvents, inspect.isfunction) if name[0] != "_"]


class Listening(WorkerEvents):
    """Keeps every call of a hook."""

    def __init__(self, name: str, heard: list[tuple[Any, ...]]) -> None:
        def hear(hook: str) -> Any:
            return lambda *arguments: heard.append((name, hook, *arguments))

        for hook in HOOKS:
            setattr(self, hook, hear(hook))


def arguments_of(hook: str) -> list[object]:
    taken = list(inspect.signature(getattr(WorkerEvents, hook)).parameters)[1:]
    return [object() for _ in taken]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_nobody_overrides_does_nothing(hook: str) -> None:
    assert getattr(WorkerEvents(), hook)(*arguments_of(hook)) is None


@pytest.mark.parametrize("hook", HOOKS)
def test_every_listener_hears_each_event_once_and_as_it_was(hook: str) -> None:
    heard: list[tuple[Any, ...]] = []
    events = EventFanOut(Listening("a", heard), Listening("b", heard))
    arguments = arguments_of(hook)
    getattr(events, hook)(*arguments)
    assert heard == [("a", hook, *arguments), ("b", hook, *arguments)]
