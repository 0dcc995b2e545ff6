"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A machine that is busy with other things is no failure of the code under test.
settings.register_profile(
    "voice-insights", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("voice-insights")
