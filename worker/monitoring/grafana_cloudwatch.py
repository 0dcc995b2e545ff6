"""The queries of Grafana's panels for CloudWatch. Pure."""

from __future__ import annotations

from typing import Any, Final

from worker.monitoring.deployment import STREAM_NAME, Deployment
from worker.monitoring.grafana import (
    SHARE,
    GrafanaSource,
    Panel,
    PanelQuery,
    grid,
    ref_ids,
    reference,
    textbox,
)
from worker.monitoring.widgets import PERIOD_S, GraphLine

_BUILDER: Final = 0
_CODE: Final = 1
_KINESIS: Final = "AWS/Kinesis"


class CloudWatchSource:
    """CloudWatch's data source; metrics of a deployment by its namespaces, which are variables."""

    kind: GrafanaSource = "cloudwatch"

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._namespaces = {
            deployment.namespace: "$namespace",
            deployment.own_namespace: "$own_namespace",
        }

    def targets(self, lines: list[GraphLine]) -> list[PanelQuery]:
        """See ``DataSource.targets``."""
        return [
            {
                "refId": ref,
                "datasource": reference(self.kind),
                "queryMode": "Metrics",
                "metricQueryType": 0,
                "region": "$region",
                "period": str(PERIOD_S),
                "id": line[-1]["id"],
                "hide": not line[-1].get("visible", True),
                "label": line[-1].get("label", ""),
                **(self._expression(line) if len(line) == 1 else self._metric(line)),
            }
            for ref, line in zip(ref_ids(), lines, strict=False)
        ]

    def _metric(self, line: GraphLine) -> dict[str, Any]:
        namespace, name, *dimensions, options = line
        named = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
        return {
            "metricEditorMode": _BUILDER,
            "namespace": self._namespaces.get(namespace, _KINESIS),
            "metricName": name,
            "dimensions": {
                key: "$stream" if value == STREAM_NAME else value for key, value in named.items()
            },
            "matchExact": True,
            "statistic": options["stat"],
        }

    def _expression(self, line: GraphLine) -> dict[str, Any]:
        expression = line[-1]["expression"]
        quoted = f'"{self._deployment.namespace}"'
        return {
            "metricEditorMode": _CODE,
            "expression": expression.replace(f"{{{quoted}", '{"$namespace"'),
        }

    def scaled(self, unit: str, value: float) -> tuple[str, float]:
        """See ``DataSource.scaled``: as it is."""
        return ("percent", value) if unit == SHARE else (unit, value)

    def variables(self) -> list[dict[str, Any]]:
        """See ``DataSource.variables``."""
        regions = {
            "type": "query",
            "name": "region",
            "label": "Region",
            "datasource": reference(self.kind),
            "query": {"queryType": "regions", "refId": "region"},
            "refresh": 1,
            "current": {"text": "default", "value": "default"},
        }
        languages = {
            "type": "query",
            "name": "language",
            "label": "Language",
            "datasource": reference(self.kind),
            "query": {
                "queryType": "dimensionValues",
                "region": "$region",
                "namespace": "$namespace",
                "metricName": "CallerWait",
                "dimensionKey": "Language",
                "dimensionFilters": dict(self._deployment.labels),
                "refId": "language",
            },
            "refresh": 2,
        }
        return [
            regions,
            textbox("namespace", "Namespace", self._deployment.namespace),
            textbox("own_namespace", "Namespace of the worker", self._deployment.own_namespace),
            textbox("stream", "Stream", "voice-insights"),
            languages,
        ]

    def more_panels(self) -> list[Panel]:
        """See ``DataSource.more_panels``: what callers of one language wait."""
        labels = dict(self._deployment.labels)
        targets = [
            {
                "refId": ref,
                "datasource": reference(self.kind),
                "queryMode": "Metrics",
                "metricQueryType": 0,
                "metricEditorMode": _BUILDER,
                "region": "$region",
                "namespace": "$namespace",
                "metricName": "CallerWait",
                "dimensions": {**labels, "Language": "$language"},
                "matchExact": True,
                "statistic": statistic,
                "period": str(PERIOD_S),
                "id": statistic,
                "hide": False,
                "label": statistic,
            }
            for ref, statistic in zip(ref_ids(), ("p50", "p95", "p99"), strict=False)
        ]
        return [
            {
                "type": "timeseries",
                "title": "What callers wait, in $language",
                "datasource": reference(self.kind),
                "gridPos": grid((0, 0, 24, 6)),
                "targets": targets,
                "fieldConfig": {"defaults": {"unit": "ms", "min": 0}, "overrides": []},
                "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
            }
        ]

    def annotations(self) -> list[dict[str, Any]]:
        """See ``DataSource.annotations``: of all alarms with the stack's prefix."""
        return [
            {
                "name": "Alarms",
                "enable": True,
                "iconColor": "red",
                "datasource": reference(self.kind),
                "target": {
                    "queryMode": "Annotations",
                    "region": "$region",
                    "prefixMatching": True,
                    "alarmNamePrefix": "voice-insights",
                    "refId": "alarms",
                },
            }
        ]
