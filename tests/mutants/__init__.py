"""Mutants: faults put into the worker one at a time, to see whether its tests notice."""
