"""The tables and comparisons that commands print."""
