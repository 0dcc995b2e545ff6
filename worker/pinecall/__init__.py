"""The bridge from Pinecall's call logs to a stream, and the mapping of their entries to events."""
