"""One time limit for all of an answer."""

from __future__ import annotations

import threading
import time

import pytest

from pytest_rollout.sources.deadline import DeadlineError, within


def test_a_result_and_an_error_come_back():
    """As if the work had been done here."""
    assert within(60, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(60, lambda: 1 / 0)


def test_nobody_waits_for_work_that_does_not_end():
    """Even when it cannot be stopped; its thread keeps no process alive."""
    end, started = threading.Event(), time.monotonic()

    with pytest.raises(DeadlineError):
        within(0.05, lambda: end.wait(60))

    assert time.monotonic() - started < 40
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "pytest-rollout-answer")
    end.set()


def test_a_lost_interrupt_is_sent_again():
    """Work that hears only the third call still ends before we go on."""
    calls, end = [], threading.Event()

    def stop():
        calls.append(None)
        if len(calls) == 3:
            end.set()

    with pytest.raises(DeadlineError):
        within(0.05, lambda: end.wait(60), stop=stop)

    assert end.is_set()


def test_a_late_result_is_dropped():
    """An answer after the deadline is no answer."""
    end = threading.Event()

    with pytest.raises(DeadlineError):
        within(0.05, lambda: end.wait(60) and 3, stop=end.set)
