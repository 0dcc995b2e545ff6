"""From what Pinecall tells of a call to call events: only named fields pass. Pure."""
