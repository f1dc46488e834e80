"""The witness: how each part of a gate ended, seen from where nobody can change it.

Any conftest may wrap pytest's hooks, swallow what a gate raised or turn its
report into a pass. So this plugin is registered when all of them are loaded:
its wrappers are the nearest to the gate while it runs, and the farthest from
it when its report is made.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_rollout.gate import GATE, RUNNING, keep_elsewhere_quiet, keep_shadow_quiet
from pytest_rollout.rollout import Rollout


class Witness:
    """Hooks around each part of a gate.

    Args:
        rollout: The run; its date says whether a shadow gate still is one.
        travels: Whether reports are read in another process than this.
    """

    def __init__(self, rollout: Rollout, *, travels: bool) -> None:
        self._rollout = rollout
        self._travels = travels

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Claims that fixtures ask are this gate's."""
        gate = item.config.stash[RUNNING] = item.stash.get(GATE, None)
        if gate is None:
            return (yield)
        with gate.setting_up():
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """The gate is judged before any other plugin sees how it ended."""
        gate = item.stash.get(GATE, None)
        if gate is None:
            return (yield)
        with gate.running():
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Nearer still: plugins that run the function in a way of their own wrap this."""
        gate = pyfuncitem.stash.get(GATE, None)
        if gate is None:
            return (yield)
        with gate.watching("call"):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """A tear-down that breaks is remembered too."""
        gate = item.stash.get(GATE, None)
        if gate is None:
            return (yield)
        with gate.watching("teardown"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The gate's own record goes on the report; a shadow gate cannot fail the run."""
        report = yield
        if gate := item.stash.get(GATE, None):
            gate.sign(report, call.excinfo.value if call.excinfo else None, travels=self._travels)
            keep_elsewhere_quiet(report, gate)
            keep_shadow_quiet(report, gate.planned, self._rollout.at.date())
        return report
