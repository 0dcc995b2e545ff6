"""Pinecall's call events: how they stand on a stream, and what they say. Pure."""
