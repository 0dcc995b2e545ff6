"""What leaves the worker: the outbox, CloudWatch, EMF, session records, dead letters."""
