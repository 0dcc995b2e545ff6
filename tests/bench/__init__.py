"""The benchmark: ``make bench``. Every figure beside what one would write or take instead."""
