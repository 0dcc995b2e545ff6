"""The metric catalogue, exact distributions and their encoding. Pure."""
