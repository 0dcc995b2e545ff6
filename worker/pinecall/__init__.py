"""Pinecall's calls onto a stream: the bridge, and the mapping of what a call's log says."""
