"""CloudFormation templates as data: short forms of functions become the long ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tests.processes import ROOT

SERVICE: Final = ROOT / "infra" / "service.yaml"
FLEET: Final = ROOT / "infra" / "fleet.yaml"
MONITORING: Final = ROOT / "infra" / "monitoring.yaml"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    pass


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


def load(path: Path) -> dict[str, Any]:
    """The template at ``path``."""
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, Any]:
    """A template's text as data."""
    template = yaml.load(text, _Loader)
    assert isinstance(template, dict)
    return template


def alarms(template: dict[str, Any], stream: str) -> dict[str, dict[str, Any]]:
    """The properties of all alarms by name, the stream's name filled in."""
    made: dict[str, dict[str, Any]] = {}
    for name, one in template["Resources"].items():
        if one["Type"] == "AWS::CloudWatch::Alarm":
            made[name] = dict(one["Properties"])
            if "Dimensions" in made[name]:
                filled = (
                    {**it, "Value": _filled(it["Value"], stream)} for it in made[name]["Dimensions"]
                )
                made[name]["Dimensions"] = list(filled)
    return made


def _filled(value: Any, stream: str) -> Any:
    return stream if value == {"Ref": "StreamName"} else value


def statements(template: dict[str, Any], role: str) -> Iterator[dict[str, Any]]:
    """All statements of a role's policies, conditional ones included."""
    for policy in template["Resources"][role]["Properties"]["Policies"]:
        for one in policy["PolicyDocument"]["Statement"]:
            yield one["Fn::If"][1] if "Fn::If" in one else one


def as_list(value: Any) -> list[Any]:
    """IAM takes one for a list of one."""
    return value if isinstance(value, list) else [value]
