"""Tests of the dashboard and the alarms."""
