"""From what a stream's reader hands over to what the service takes in, here or in a process of
its own.
"""
