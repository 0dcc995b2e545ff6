"""From bytes to canonical events: envelopes, vocabularies, KPL aggregates. Pure."""
