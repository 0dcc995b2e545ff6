"""Prometheus metric families, before they are formatted as text. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

FamilyKind = Literal["counter", "gauge", "histogram"]

_BETWEEN_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9_]+")


class Point(NamedTuple):
    """A value. ``suffix``: the part of its name after the family's: ``_total``, ``_bucket``."""

    suffix: str
    labels: Mapping[str, str]
    value: float


class Family(NamedTuple):
    """One metric with all its values. ``name``: without ``_total``; it ends in the ``unit``, if
    there is one. ``about``: the help text.
    """

    name: str
    kind: FamilyKind
    unit: str
    about: str
    points: Sequence[Point]


def label_name(name: str) -> str:
    """Return a dimension's name as a label: snake case, in a label's characters, and none of the
    names that Prometheus reserves (``le``, and those that begin with ``__``).
    """
    snake = _BETWEEN_WORDS.sub("_", name).lower()
    plain = _NOT_IN_NAMES.sub("_", snake).strip("_") or "label"
    return f"label_{plain}" if plain[0].isdigit() or plain in _TAKEN else plain


_TAKEN: Final = {"le", "quantile", "job", "instance"}


def labels_of(dimensions: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return dimensions as labels. Two names that become one label share it, with joined values."""
    labels: dict[str, str] = {}
    for name, value in dimensions:
        label = label_name(name)
        labels[label] = f"{labels[label]};{value}" if label in labels else value
    return labels
