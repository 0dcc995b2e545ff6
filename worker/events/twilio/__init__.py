"""Twilio's call events: fast path, slow path, and translation of payloads. Pure."""
