"""The report page: one call and a day of calls, for a browser."""
