"""The queries of Grafana's panels for Prometheus: CloudWatch's lines as PromQL. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from worker.metrics.catalogue import CATALOGUE
from worker.monitoring.deployment import Deployment, MetricQuery, Of
from worker.monitoring.grafana import (
    SHARE,
    GrafanaSource,
    Panel,
    PanelQuery,
    grid,
    ref_ids,
    reference,
)
from worker.monitoring.promql import PromqlStatistics, at_a_bound, duration
from worker.monitoring.widgets import PERIOD_S, GraphLine
from worker.telemetry.calls import CALLS_PREFIX
from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.families import label_name

_WINDOW: Final = duration(PERIOD_S)
_SEARCH: Final = re.compile(r"SEARCH\('\{(?P<schema>[^}]*)\} .*MetricName=\"(?P<name>\w+)\".*'")
_STATISTIC: Final = re.compile(r"', '(\w+)', \d+\)")
_FILL: Final = re.compile(r"FILL\((\w+), 0\)")
_SUM: Final = re.compile(r"SUM\(\[([^\]]*)\]\)")
_ID: Final = re.compile(r"[a-z]\w*")
_ALL: Final = ".*"


class PrometheusSource:
    """Prometheus's data source. Lines are split by platform, and those of the worker by job."""

    kind: GrafanaSource = "prometheus"

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._statistics = PromqlStatistics(
            deployment, {"job": "$job", "platform": "$platform", "language": "$language"}
        )

    def targets(self, lines: list[GraphLine]) -> list[PanelQuery]:
        """See ``DataSource.targets``."""
        known: dict[str, str] = {}
        found = []
        for line in lines:
            expression, by = self._expression(line, known)
            if expression is None:
                continue
            known[line[-1]["id"]] = expression
            if line[-1].get("visible", True):
                found.append((expression, self._legend(line, by)))
        return [
            _target(ref, expression, legend)
            for ref, (expression, legend) in zip(ref_ids(), found, strict=False)
        ]

    def _expression(
        self, line: GraphLine, known: Mapping[str, str]
    ) -> tuple[str | None, tuple[str, ...]]:
        """Return the line as PromQL, None if Prometheus lacks its metric; and the labels beside the
        platform that split it into several lines.
        """
        options = line[-1]
        if len(line) > 1:
            metric = self._metric(line)
            if metric is None:
                return None, ()
            return self._statistics.of(at_a_bound(metric), _WINDOW), ()
        if searched := _SEARCH.match(options["expression"]):
            statistic = _STATISTIC.search(options["expression"])
            names = [one.strip('"') for one in searched["schema"].split(",")][1:]
            names = [one for one in names if one not in dict(self._deployment.labels)]
            metric = MetricQuery(
                "found",
                searched["name"],
                statistic[1] if statistic is not None else "Sum",
                tuple((name, "") for name in names),
            )
            by = tuple(sorted(map(label_name, names)))
            return self._statistics.by_dimensions(metric, _WINDOW), by
        return _translated(options["expression"], known), ()

    def _metric(self, line: GraphLine) -> MetricQuery | None:
        namespace, name, *dimensions, options = line
        named = tuple(zip(dimensions[::2], dimensions[1::2], strict=True))
        if name in TELEMETRY_METRICS and namespace == self._deployment.own_namespace:
            return MetricQuery(options["id"], name, options["stat"], of=Of.WORKER)
        if name not in CATALOGUE or namespace != self._deployment.namespace:
            return None
        own = tuple(pair for pair in named if pair not in self._deployment.labels)
        return MetricQuery(options["id"], name, options["stat"], own)

    def _legend(self, line: GraphLine, by: tuple[str, ...]) -> str:
        of_worker = line[0] == self._deployment.own_namespace
        values = " ".join(f"{{{{{one}}}}}" for one in (*by, "job" if of_worker else "platform"))
        return f"{self._label(line)} {values}".strip()

    def _label(self, line: GraphLine) -> str:
        """The line's label, which names the bound that its share is within."""
        label = str(line[-1].get("label", ""))
        metric = self._metric(line) if len(line) > 1 else None
        if metric is None or (exact := at_a_bound(metric)) == metric:
            return label
        was, bound = (int(re.sub(r"\D", "", one.statistic)) for one in (metric, exact))
        return label.replace(f"{was:,}", f"{bound:,}")

    def scaled(self, unit: str, value: float) -> tuple[str, float]:
        """See ``DataSource.scaled``: milliseconds become seconds; percentages are kept."""
        if unit == "ms":
            return "s", value / 1000
        return ("percentunit", value / 100) if unit == SHARE else (unit, value)

    def variables(self) -> list[dict[str, Any]]:
        """See ``DataSource.variables``."""
        heartbeat = TELEMETRY_METRICS["Heartbeat"].prometheus_name
        return [
            self._chosen("job", "Job", f"label_values({heartbeat}, job)"),
            self._chosen(
                "platform", "Platform", f"label_values({CALLS_PREFIX}_turns_total, platform)"
            ),
            self._chosen(
                "language",
                "Language",
                f"label_values({CALLS_PREFIX}_caller_wait_seconds_count, language)",
            ),
        ]

    def _chosen(self, name: str, label: str, query: str) -> dict[str, Any]:
        return {
            "type": "query",
            "name": name,
            "label": label,
            "datasource": reference(self.kind),
            "query": {"query": query, "refId": name},
            "definition": query,
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": _ALL,
            "current": {"text": ["All"], "value": ["$__all"]},
        }

    def more_panels(self) -> list[Panel]:
        """See ``DataSource.more_panels``: how waits spread, and which alerts are firing."""
        buckets = self._statistics.buckets(MetricQuery("waits", "CallerWait", "Sum"), _WINDOW)
        spread = {
            "type": "heatmap",
            "title": "How waits spread",
            "datasource": reference(self.kind),
            "gridPos": grid((0, 0, 12, 8)),
            "targets": [{**_target("A", buckets, "{{le}}"), "format": "heatmap"}],
            "options": {"calculate": False, "yAxis": {"unit": "s"}},
        }
        firing = {
            "type": "state-timeline",
            "title": "Alerts",
            "datasource": reference(self.kind),
            "gridPos": grid((12, 0, 12, 8)),
            "targets": [_target("A", _FIRING, "{{alertname}} {{platform}}")],
            "fieldConfig": {"defaults": {"custom": {}}, "overrides": []},
        }
        return [spread, firing]

    def annotations(self) -> list[dict[str, Any]]:
        """See ``DataSource.annotations``."""
        return [
            {
                "name": "Alerts",
                "enable": True,
                "iconColor": "red",
                "datasource": reference(self.kind),
                "expr": _FIRING,
                "titleFormat": "{{alertname}}",
                "textFormat": "{{platform}}",
            }
        ]


_FIRING: Final = 'ALERTS{alertname=~"VoiceInsights.+", alertstate="firing"}'


def _target(ref: str, expression: str, legend: str) -> PanelQuery:
    return {
        "refId": ref,
        "datasource": reference("prometheus"),
        "editorMode": "code",
        "expr": expression,
        "legendFormat": legend,
        "range": True,
    }


def _translated(expression: str, known: Mapping[str, str]) -> str | None:
    """An expression over other lines: arithmetic, FILL(x, 0) and SUM([…])."""
    names = set(_ID.findall(expression))
    if not names <= known.keys():
        return None

    def filled(found: re.Match[str]) -> str:
        others = " or ".join(f"0 * {one}" for one in sorted(names - {found[1]}))
        return f"({found[1]} or {others})" if others else found[1]

    summed = _SUM.sub(
        lambda found: f"({' + '.join(_arguments(found[1]))})", _FILL.sub(filled, expression)
    )
    return _ID.sub(lambda found: known.get(found[0], found[0]), summed)


def _arguments(text: str) -> list[str]:
    return [one.strip() for one in text.split(",")]
