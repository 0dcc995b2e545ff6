"""AWS sessions and clients, and the classification of their errors."""
