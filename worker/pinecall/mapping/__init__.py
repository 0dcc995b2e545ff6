"""The mapping of Pinecall's log of a call to call events: only named fields pass. Pure."""
