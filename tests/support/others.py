"""Others: plugins of pytest that this project's own suite uses, and that promise nothing in the runs it starts."""

from __future__ import annotations

OTHERS = ("hypothesispytest", "allure_pytest", "anyio", "randomly", "asyncio", "syrupy")
WITHOUT = tuple(word for name in OTHERS for word in ("-p", f"no:{name}"))
"""What leaves them out: to read them takes longer than a small run."""
