"""The production store: the state in a bucket, with fencing and without a server."""
