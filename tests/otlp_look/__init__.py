"""The worker's traces in a real receiver: Arize Phoenix, fetched by whoever calls ``make otlp-look``."""
