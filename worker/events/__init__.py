"""From bytes to canonical events: CloudEvents, KPL aggregates, a folder a platform. Pure."""
