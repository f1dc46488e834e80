"""What takes minutes begins first, or one worker is at it when all others are done."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests marked `long` to the front, and leave the order of all others."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
