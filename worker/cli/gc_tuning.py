"""How often Python looks through what there is for cycles of garbage. Shell."""

from __future__ import annotations

import gc


def tune_collector() -> None:
    """Look at the newest 50,000 containers at a time, and seldom at older ones.

    What records, sessions and samples are kept in makes no cycles, so nearly nothing is ever found
    among it, and Python's own thresholds go through it all again each time it has grown by a
    quarter: a tenth of a replay of 10^6 records.
    """
    gc.set_threshold(50_000, 20, 10)
