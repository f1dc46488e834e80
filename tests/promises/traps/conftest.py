"""What every trap has in common: however it is sprung, the run is not a go, on screen, in the file and for `verify`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_rollout.cli import main

ALL = ("--phase", "phase1", "--env", "test", "--max-age", "15m")


@pytest.fixture(params=[(), ("-n", "2")], ids=["one", "xdist"])
def workers(request) -> tuple[str, ...]:
    """Arguments for one process, and for two xdist workers."""
    return request.param


@pytest.fixture
def blocked(project) -> Callable[..., None]:
    """Assert that a run did not release: exit code, reason codes, the receipt, and `rollout verify`."""

    def assert_blocked(result, *codes: str, ret: int = 1, receipt: bool = True) -> None:
        screen = "\n".join([*result.stdout.lines, *result.stderr.lines])
        assert result.ret == ret, screen
        if receipt:
            assert result.verdict is not None, screen
            assert set(codes) <= result.codes, screen
        if result.verdict is not None:
            assert result.verdict["exit_code"] == ret
            assert result.verdict["decision"] != "PROCEED", screen
        assert main(["verify", str(project.folder / ".rollout" / "verdict.json"), *ALL]) != 0

    return assert_blocked
