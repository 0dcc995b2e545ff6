"""Dashboards, alarms and their template; sizes and costs."""
