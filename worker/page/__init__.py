"""The page: one call and a day of calls, to look at in a browser."""
