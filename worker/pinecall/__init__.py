"""The bridge from Pinecall's call logs to a stream."""
