"""A fleet: tasks that share the work of one stream, by an engine that leases shards."""
