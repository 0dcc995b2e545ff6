"""YAML that says what the data say."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from worker.monitoring.yaml_text import to_yaml

TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n"), max_size=30)
SCALARS = st.none() | st.booleans() | st.integers() | TEXTS
DATA = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(TEXTS, parts, max_size=4),
    max_leaves=20,
)


@given(DATA)
def test_what_is_written_is_read_back(data: Any) -> None:
    assert yaml.safe_load(to_yaml(data)) == data


def test_names_are_plain_texts_are_quoted_and_lines_stand_on_lines() -> None:
    data = {"Fn::Sub": "${A}", "yes": [1, {"a": "x\ny"}], "Empty": []}
    assert to_yaml(data) == (
        'Fn::Sub: "${A}"\n"yes":\n  - 1\n  - a: |-\n      x\n      y\nEmpty: []\n'
    )
