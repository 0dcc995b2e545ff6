"""Traces in a real receiver, Arize Phoenix, which the caller of ``make otlp-look`` fetches."""
