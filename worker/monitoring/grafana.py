"""The dashboard for Grafana, of CloudWatch's metrics or of Prometheus's. Pure.

It is the dashboard that CloudFormation deploys, panel by panel, in Grafana's terms, so the two
always agree; each data source adds panels that only it can show. The schema is that of Grafana 10
to 13.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final, Literal, NamedTuple, Protocol

from worker.metrics.catalogue import CATALOGUE
from worker.monitoring.alarms import alarms
from worker.monitoring.dashboard import dashboard
from worker.monitoring.deployment import Deployment
from worker.monitoring.widgets import GraphLine, Widget
from worker.monitoring.yaml_text import to_yaml
from worker.telemetry.catalogue import TELEMETRY_METRICS

GrafanaSource = Literal["cloudwatch", "prometheus"]
"""The source of a dashboard's numbers."""

SCHEMA_VERSION: Final = 39
PROVISIONED_AT: Final = "/var/lib/grafana/dashboards/voice-insights"
"""The folder in which Grafana looks for dashboards, as the provisioning file says."""

Panel = dict[str, Any]
PanelQuery = dict[str, Any]

_UNIT: Final = re.compile(r"(?:,? ?\(?p95\)?)? ?\((ms|%|Milliseconds)\)")
SHARE: Final = "share"
"""The unit of values that CloudWatch has in percent, and other stores as a ratio."""

_UNITS: Final = {"Milliseconds": "ms", "Seconds": "s", "Percent": SHARE, "Bytes": "bytes"}
_TARGET_COLORS: Final = ("green", "yellow", "red")
_PAGE_LINK: Final = "${page_url}#sessions"
_RUNBOOK_LINK: Final = "${runbook_url}"


class DataSource(Protocol):
    """The queries of panels in one data source's words. ``kind``: Grafana's name of the source."""

    kind: GrafanaSource

    def targets(self, lines: list[GraphLine]) -> list[PanelQuery]:
        """The queries for those lines of a graph that the data source has."""
        ...

    def scaled(self, unit: str, value: float) -> tuple[str, float]:
        """A value in a unit of CloudWatch's dashboard, as the data source has it."""
        ...

    def variables(self) -> list[dict[str, Any]]:
        """The dashboard's variables, beside the data source."""
        ...

    def more_panels(self) -> list[Panel]:
        """Panels that CloudWatch's dashboard hasn't, 24 columns wide at most."""
        ...

    def annotations(self) -> list[dict[str, Any]]:
        """Return the annotations of alarms that went off."""
        ...


class _Place(NamedTuple):
    x: int
    y: int
    w: int
    h: int


def grafana_dashboard(deployment: Deployment, source: DataSource) -> dict[str, Any]:
    """The dashboard as data, to be written as JSON."""
    widgets = dashboard(deployment, alarms(deployment))["widgets"]
    panels = list(_panels(widgets, source))
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return {
        "__inputs": [],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"},
            {"type": "datasource", "id": source.kind, "name": source.kind, "version": "1.0.0"},
        ],
        "id": None,
        "uid": _name(deployment, source),
        "title": f"Voice Insights ({', '.join(_subject(deployment, source))})",
        "description": "Made by voice-insights infra render --grafana.",
        "tags": ["voice-insights"],
        "timezone": "utc",
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "annotations": {"list": source.annotations()},
        "links": [
            {"type": "link", "title": "Sessions", "url": _PAGE_LINK, "targetBlank": True},
            {"type": "link", "title": "Runbook", "url": _RUNBOOK_LINK, "targetBlank": True},
        ],
        "templating": {"list": [_data_source(source), *source.variables(), *_addresses()]},
        "panels": panels,
    }


def grafana_files(deployment: Deployment, source: DataSource) -> dict[str, str]:
    """The files of a folder, by path: a dashboard, and how Grafana finds it."""
    whole = grafana_dashboard(deployment, source)
    provider = {
        "name": "voice-insights",
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": True,
        "options": {"path": PROVISIONED_AT},
    }
    return {
        f"dashboards/{_name(deployment, source)}.json": f"{json.dumps(whole, indent=1)}\n",
        "provisioning/dashboards/voice-insights.yaml": to_yaml(
            {"apiVersion": 1, "providers": [provider]}
        ),
    }


def _subject(deployment: Deployment, source: DataSource) -> list[str]:
    """What tells one dashboard from another."""
    return [source.kind, *([deployment.platform] if deployment.platform else [])]


def _name(deployment: Deployment, source: DataSource) -> str:
    """The dashboard's id and the name of its file."""
    return "-".join(("voice-insights", *_subject(deployment, source)))


def reference(source: GrafanaSource) -> dict[str, str]:
    """The data source that is chosen, as a panel names it."""
    return {"type": source, "uid": "${datasource}"}


def textbox(name: str, label: str, value: str) -> dict[str, Any]:
    """A variable that is typed in."""
    chosen = {"text": value, "value": value}
    return {"type": "textbox", "name": name, "label": label, "query": value, "current": chosen}


def _data_source(source: DataSource) -> dict[str, Any]:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": source.kind,
        "current": {},
    }


def _addresses() -> list[dict[str, Any]]:
    return [
        textbox("page_url", "Page of sessions", "https://page.example/"),
        textbox("runbook_url", "Runbook", "https://runbook.example/docs/runbook.md"),
    ]


def _panels(widgets: list[Widget], source: DataSource) -> Iterator[Panel]:
    """The widgets as panels, where the data source has what they show; rows move up where one is
    left out as a whole.
    """
    bottom, gap = 0, 0
    for y, row in _rows(widgets):
        made = [panel for widget in row if (panel := _panel(widget, source)) is not None]
        if not made:
            gap += max(widget["height"] for widget in row)
            continue
        for panel in made:
            panel["gridPos"]["y"] = y - gap
            yield panel
        bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in made)
    for panel in source.more_panels():
        panel["gridPos"]["y"] = bottom
        yield panel


def _rows(widgets: list[Widget]) -> Iterator[tuple[int, list[Widget]]]:
    rows: dict[int, list[Widget]] = {}
    for widget in widgets:
        rows.setdefault(widget["y"], []).append(widget)
    yield from sorted(rows.items())


def _panel(widget: Widget, source: DataSource) -> Panel | None:
    properties = widget["properties"]
    place = _Place(widget["x"], widget["y"], widget["width"], widget["height"])
    if widget["type"] == "text":
        return text_panel(properties["markdown"], place)
    if widget["type"] != "metric":
        return None
    targets = source.targets(properties["metrics"])
    if not any(not target.get("hide") for target in targets):
        return None
    return _graph(properties, targets, place, source)


def text_panel(markdown: str, place: tuple[int, int, int, int]) -> Panel:
    """A line of text between rows."""
    return {
        "type": "text",
        "title": "",
        "transparent": True,
        "gridPos": grid(place),
        "options": {"mode": "markdown", "content": markdown},
    }


def grid(place: tuple[int, int, int, int]) -> dict[str, int]:
    """Left, top, width and height as Grafana has them."""
    return dict(zip("xywh", place, strict=True))


def _graph(
    properties: Mapping[str, Any], targets: list[PanelQuery], place: _Place, source: DataSource
) -> Panel:
    shown = [one for one in properties["metrics"] if one[-1].get("visible", True)]
    main = unit_of(shown[0], properties["title"])
    unit, _ = source.scaled(main, 1)
    axis = properties["yAxis"]["left"]
    marks = properties.get("annotations", {}).get("horizontal", [])
    defaults: dict[str, Any] = {"unit": unit, "min": axis["min"], "custom": {"fillOpacity": 5}}
    if "max" in axis:
        defaults["max"] = axis["max"]
    if marks:
        values = [source.scaled("ms", mark["value"])[1] for mark in marks]
        defaults["thresholds"] = {"mode": "absolute", "steps": _steps(values)}
        defaults["custom"]["thresholdsStyle"] = {"mode": "line"}
    if properties["stacked"]:
        defaults["custom"]["stacking"] = {"mode": "normal", "group": "A"}
    return {
        "type": "timeseries",
        "title": _UNIT.sub("", properties["title"]),
        "datasource": reference(source.kind),
        "gridPos": grid(place),
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": _overrides(shown, main, source)},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "links": [{"title": "Sessions", "url": _PAGE_LINK, "targetBlank": True}],
    }


def _steps(values: list[float]) -> list[dict[str, Any]]:
    bounds = [None, *values]
    return [{"color": c, "value": b} for c, b in zip(_TARGET_COLORS, bounds, strict=True)]


def _overrides(lines: list[GraphLine], main: str, source: DataSource) -> list[dict[str, Any]]:
    """Overrides for lines that have another unit than ``main``, or the axis on the right."""
    overrides = []
    for line in lines:
        right = line[-1].get("yAxis") == "right"
        unit = unit_of(line, "")
        changed = [{"id": "custom.axisPlacement", "value": "right"}] if right else []
        if right or (len(line) > 1 and main != "percent" and unit != main):
            changed.append({"id": "unit", "value": source.scaled(unit, 1)[0]})
        if changed:
            matched = {"id": "byRegexp", "options": f"^{re.escape(line[-1]['label'])}.*"}
            overrides.append({"matcher": matched, "properties": changed})
    return overrides


def unit_of(line: GraphLine, title: str) -> str:
    """The unit of a line of CloudWatch's dashboard, in Grafana's words: the metric's, or for an
    expression what the titles say.
    """
    if found := re.search(r'MetricName="(\w+)"', line[-1].get("expression", "")):
        return _UNITS.get(CATALOGUE[found[1]].unit, "short")
    if len(line) == 1:
        percent = title.endswith("(%)") or "%" in line[-1]["label"]
        return "percent" if percent else "short"
    if title.endswith("(%)"):
        return "percent"
    statistic, name = line[-1]["stat"], line[1]
    if statistic in {"Sum", "SampleCount"}:
        return "short"
    of_worker = TELEMETRY_METRICS.get(name)
    unit = of_worker.unit if of_worker is not None else CATALOGUE[name].unit
    return _UNITS.get(unit, "short")


def ref_ids() -> Iterator[str]:
    """Names of a panel's targets: A, B and so on, then A1."""
    for number in count():
        yield f"{chr(ord('A') + number % 26)}{number // 26 or ''}"
