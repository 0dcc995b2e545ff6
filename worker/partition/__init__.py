"""The partition, the unit of consistency: sessions, stream time, and what a commit holds. Pure."""
