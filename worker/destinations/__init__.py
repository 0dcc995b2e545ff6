"""Where entries of the outbox go: CloudWatch, EMF, files and objects."""
