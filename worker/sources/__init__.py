"""Where decoded batches come from."""
