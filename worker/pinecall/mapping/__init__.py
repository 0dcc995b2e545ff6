"""The mapping of Pinecall's call logs to call events: only named fields pass. Pure."""
