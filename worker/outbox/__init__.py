"""The transactional outbox: entries, their lanes, the sender and the ledger."""
