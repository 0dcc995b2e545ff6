"""The producer, which puts records into a stream: as recorded, or moved in time."""
