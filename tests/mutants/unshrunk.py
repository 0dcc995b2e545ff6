"""A plugin of pytest's by which a property that fails says so at once: nobody reads its example."""

from __future__ import annotations

from hypothesis import Phase, settings


def pytest_collection() -> None:
    """Before test modules are imported, and after what all tests share has been."""
    settings.register_profile(
        "unshrunk", settings(), phases=[Phase.explicit, Phase.generate], database=None
    )
    settings.load_profile("unshrunk")
