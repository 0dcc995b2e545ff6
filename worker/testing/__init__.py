"""The traffic simulator and the stand-ins that tests, the demo and users share."""
