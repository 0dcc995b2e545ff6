"""``python -m tests.formats``: write all formats of the release at hand into tests/formats/stored.

To be run once, when a release is made; what an earlier one has written is never written anew.
"""

from __future__ import annotations

import shutil
import sys

from tests.formats.writing import STORED, write
from worker import __version__

if __name__ == "__main__":
    folder = STORED / __version__
    if folder.exists():
        shutil.rmtree(folder)
    write(folder)
    sys.stdout.write(f"written: {folder}\n")
