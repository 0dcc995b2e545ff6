"""The worker's loop, and what it asks of its parts and tells them."""
