"""Row 11: retrying until green is peeking, whoever retries."""

import pytest

FLAKY = """
COUNT = []


{mark}
def test_gate(metrics):
    COUNT.append(1)
    assert check(len(COUNT) > 1, "the second time is better")
"""


@pytest.mark.parametrize(
    ("words", "mark"),
    [(("--reruns", "2"), ""), ((), "@pytest.mark.flaky(reruns=2)"), (("--reruns", "2", "--only-rerun", "Assert"), "")],
    ids=["option", "mark", "only-rerun"],
)
def test_row_11_rerunfailures(project, blocked, workers, words, mark):
    """The first answer counts."""
    project.gate(FLAKY.format(mark=mark))

    blocked(project.run(*workers, *words), "duplicate")


def test_row_11_doubt_that_a_rerun_ends(project, blocked):
    """A source that is down and comes back."""
    project.gate(
        """
        COUNT = []


        @pytest.fixture
        def service():
            COUNT.append(1)
            if len(COUNT) == 1:
                raise ConnectionError("refused")


        def test_gate(service, metrics):
            assert metrics("errors") == 0
        """
    )

    blocked(project.run("--reruns", "2"), "duplicate")


PROTOCOL = """
import pytest
from _pytest.runner import runtestprotocol


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    for attempt in range(3):
        if hasattr(item, "_initrequest"):
            item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if all(report.passed for report in reports):
            break
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""


@pytest.mark.parametrize("where", ["setup", "call"])
def test_row_11_a_plugin_that_logs_its_last_attempt_alone(project, blocked, workers, where):
    """No report tells of the first attempt; the gate itself remembers."""
    project.write("gates/conftest.py", PROTOCOL)
    project.gate(
        f"""
        COUNT = {{"setup": 0, "call": 0}}


        def flaky(part):
            COUNT[part] += 1
            if part == "{where}" and COUNT[part] == 1:
                raise ConnectionError("refused")


        @pytest.fixture
        def service():
            flaky("setup")


        def test_gate(service, metrics):
            flaky("call")
            assert metrics("errors") == 0
        """
    )

    blocked(project.run(*workers), "duplicate")
