"""The worker's loop, and the interfaces to its parts."""
