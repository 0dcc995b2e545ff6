"""The Kinesis source: the reader, and the shards with their lineage and schedule."""
