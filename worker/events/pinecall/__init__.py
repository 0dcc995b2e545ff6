"""Pinecall's call events: how they stand on a stream, and what they say in canonical terms. Pure."""
