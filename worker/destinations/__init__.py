"""The destinations of the outbox's entries: CloudWatch, EMF, files and objects."""
