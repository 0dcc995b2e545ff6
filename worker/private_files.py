"""Creates files that hold what callers did and said, readable by their owner only. Shell."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from worker.errors import BadInput, Misconfigured

_MODE: Final = 0o600


def owner_only(path: str, flags: int) -> int:
    """An ``opener`` for ``open``: a file that it creates can be read by its owner only, whatever
    the umask allows. An existing file keeps its mode.
    """
    return os.open(path, flags, _MODE)


def small_file(path: Path) -> bytes | None:
    """Return a file's contents; None if there is no file. Raises ``BadInput`` if it can't be
    read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadInput(f"can't read {path}: {error.strerror}") from error


def create_file(path: Path, data: bytes) -> bool:
    """Write a file as a whole, and its folder, if there is none; return False, and change nothing,
    where there is one already. Raises ``Misconfigured`` if it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent) as whole:
            whole.write(data)
            whole.flush()
            os.fsync(whole.fileno())
            os.link(whole.name, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise Misconfigured(f"can't write {path}: {error.strerror}") from error
    return True
