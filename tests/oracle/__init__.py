"""A second, plain reading of what is measured: slow, obvious, and independent of the program.

``replay`` gives what an offline replay of some records must come to. Nothing here is shared with
the program but the type of a record, so that a misreading on either side shows as a difference.
"""

from __future__ import annotations

from tests.oracle.replay import Expected, replay

__all__ = ["Expected", "replay"]
