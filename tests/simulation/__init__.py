"""The worker's promises under crashes and faults, tried out in simulated time from a seed.

``python -m tests.simulation --seed N`` prints what happened, step by step.
"""
