"""Instants: epoch milliseconds, RFC 3339 and minutes. Pure."""
