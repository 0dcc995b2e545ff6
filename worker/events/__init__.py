"""Decoding of bytes to canonical events: CloudEvents, KPL aggregates, one folder per platform.
Pure.
"""
