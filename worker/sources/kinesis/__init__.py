"""The Kinesis source: shards, their lineage and their schedule, and the reader."""
