"""The worker's metrics about itself, its health pages and its log."""
