"""The production store: the state in a bucket, which needs no server and fences its owners."""
