"""Structured logs: setup, the writer's thread, and redaction."""
