"""The worker's telemetry, health pages and log."""
