"""Twilio's REST interfaces: call events, call summaries, sinks and subscriptions."""
