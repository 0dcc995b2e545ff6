"""Sessions, their turns, and the record that describes one. Pure."""
