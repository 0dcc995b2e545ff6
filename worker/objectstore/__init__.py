"""Objects in a bucket: the protocol, S3 behind it, retries, and parallel calls."""
