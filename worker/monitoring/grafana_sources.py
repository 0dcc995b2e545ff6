"""The data sources that Grafana's dashboard can have, by kind. Pure."""

from __future__ import annotations

from worker.monitoring.deployment import Deployment
from worker.monitoring.grafana import DataSource, GrafanaSource
from worker.monitoring.grafana_cloudwatch import CloudWatchSource
from worker.monitoring.grafana_prometheus import PrometheusSource


def source_of(deployment: Deployment, kind: GrafanaSource) -> DataSource:
    """The data source of that kind, for the metrics of a deployment."""
    return PrometheusSource(deployment) if kind == "prometheus" else CloudWatchSource(deployment)
