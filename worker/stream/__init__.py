"""Values of a stream: a record, and a position in a shard. Pure."""
