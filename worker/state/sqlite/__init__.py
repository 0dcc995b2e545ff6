"""State in one SQLite file: the store and its read-only view."""
