"""Voice Insights worker: exact voice-agent latency metrics from Twilio VoiceInsights records."""

__version__ = "0.1.0"
