"""Pinecall's call events: their format on a stream, and their meaning. Pure."""
