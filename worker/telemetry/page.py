"""A page: the answer at a path, before its HTTP encoding. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

TEXT: Final = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """An answer: its HTTP status and its content. ``headers``: additional ones."""

    status: int
    content_type: str
    body: str | bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body if isinstance(self.body, str) else self.body.decode()

    @property
    def encoded(self) -> bytes:
        """The body as bytes."""
        return self.body if isinstance(self.body, bytes) else self.body.encode()
