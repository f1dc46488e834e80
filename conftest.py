"""The project's own test settings.

NumPy is imported here once, when it is there: pytester runs pytest inside
pytest and drops the modules that the inner run imported, and NumPy 2 cannot
be imported twice in one process.
"""

from __future__ import annotations

from contextlib import suppress

with suppress(ImportError):
    import numpy as np  # noqa: F401

pytest_plugins = ["pytester"]
