"""Sources of decoded batches."""
