"""Twilio's call events: envelope, payloads and the fast path. Pure."""
