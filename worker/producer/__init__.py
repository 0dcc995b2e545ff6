"""Records into a stream: as recorded, or moved in time."""
