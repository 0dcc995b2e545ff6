"""Settings: the model, their sources and their values."""
