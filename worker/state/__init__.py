"""The store protocol and its implementations, which make commits durable. Shell."""
