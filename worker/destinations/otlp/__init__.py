"""OpenTelemetry over OTLP/HTTP: metrics and traces as requests, and the sink that sends them."""
