"""A fleet in simulated time: tasks that lease shards of two streams, and states in buckets."""
