"""The worker spread over several processes, by a consumer library that leases shards to them."""
