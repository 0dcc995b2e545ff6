"""The dashboard's widgets and the lines of their graphs, as CloudWatch's own JSON. Pure.

A dashboard is 24 columns wide.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from worker.monitoring.deployment import Deployment, MetricQuery

COLUMNS: Final = 24
PERIOD_S: Final = 300
_TEXT_HEIGHT: Final = 2

Widget = dict[str, Any]
GraphLine = list[Any]
"""One series or expression of a graph: a path that ends in options."""


class WidgetRow(NamedTuple):
    """Widgets side by side, each ``height`` units high, under a line of text unless it is empty."""

    text: str
    widgets: tuple[Widget, ...]
    height: int = 6


def placed(rows: Iterable[WidgetRow]) -> Iterable[Widget]:
    """Place the widgets of the rows, one row below the other."""
    y = 0
    for row in rows:
        if row.text:
            text = {"type": "text", "properties": {"markdown": row.text}}
            yield _at(text, 0, y, COLUMNS, _TEXT_HEIGHT)
            y += _TEXT_HEIGHT
        width = COLUMNS // max(1, len(row.widgets))
        for i, widget in enumerate(row.widgets):
            yield _at(widget, i * width, y, width, row.height)
        y += row.height


def _at(widget: Widget, x: int, y: int, width: int, height: int) -> Widget:
    return {"type": widget["type"], "x": x, "y": y, "width": width, "height": height, **widget}


def line(deployment: Deployment, metric: MetricQuery, **options: object) -> GraphLine:
    """A series; ``options``: by CloudWatch's names."""
    dimensions = [part for pair in metric.all_dimensions(deployment) for part in pair]
    return [
        metric.namespace(deployment),
        metric.name,
        *dimensions,
        {"id": metric.id, "stat": metric.statistic, **options},
    ]


def hidden(deployment: Deployment, metric: MetricQuery) -> GraphLine:
    """An invisible series, for use in expressions."""
    return line(deployment, metric, visible=False)


def math(id_: str, expression: str, label: str, **options: object) -> GraphLine:
    """An expression over the graph's series."""
    return [{"id": id_, "expression": expression, "label": label, **options}]


def search(deployment: Deployment, name: str, names: Iterable[str], statistic: str) -> GraphLine:
    """Return a search for a metric's series with these dimension names, whatever the values."""
    fixed = dict(deployment.labels)
    schema = ",".join(f'"{one}"' for one in (deployment.namespace, *sorted({*names, *fixed})))
    terms = [f'MetricName="{name}"', *(f'{key}="{value}"' for key, value in fixed.items())]
    expression = f"SEARCH('{{{schema}}} {' '.join(terms)}', '{statistic}', {PERIOD_S})"
    return [{"expression": expression, "id": "found"}]


def graph(
    title: str,
    lines: list[GraphLine],
    *,
    marks: list[dict[str, object]] | None = None,
    most: int | None = None,
    stacked: bool = False,
) -> Widget:
    """A graph of lines over time, from 0 up to ``most``; ``marks`` are horizontal lines."""
    left: dict[str, object] = {"min": 0} if most is None else {"min": 0, "max": most}
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "view": "timeSeries",
            "stacked": stacked,
            "period": PERIOD_S,
            "yAxis": {"left": left},
            "metrics": lines,
            **({} if marks is None else {"annotations": {"horizontal": marks}}),
        },
    }
