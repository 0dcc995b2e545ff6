"""Tables and comparisons that commands print."""
