"""Recordings of a stream: files of records, read and written."""
