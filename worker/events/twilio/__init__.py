"""Twilio's call events: fast path, slow path, and payloads in canonical terms. Pure."""
