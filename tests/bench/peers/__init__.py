"""What one would write or take instead. Nothing here imports the worker, and those who run in a
virtual environment of their own find all they need beside them.
"""
