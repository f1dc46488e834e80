"""What becomes of the threads that a gate starts."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pytest_rollout.threads import Threads

HERE = Path(__file__).parent


@pytest.fixture
def quiet(monkeypatch):
    """Threads that die say so to nobody but to whom it concerns."""
    heard = []
    monkeypatch.setattr(threading, "excepthook", heard.append)
    return heard


def test_a_thread_that_dies_is_a_fault_and_is_told_on(quiet):
    """An assert that ends a thread ends no gate."""
    threads = Threads(HERE)

    def wrong():
        assert 1 + 1 == 3, "sums"

    with threads.watched():
        thread = threading.Thread(target=wrong, name="adder")
        thread.start()
        thread.join()

    assert [fault.splitlines()[0] for fault in threads.faults()] == ["the thread adder died of AssertionError: sums"]
    assert [each.exc_type for each in quiet] == [AssertionError]
    assert threading.excepthook == quiet.append


def test_a_thread_that_still_runs_is_a_fault(quiet):
    """What it finds is lost, or taken for the next gate's."""
    threads, end = Threads(HERE), threading.Event()

    def waits():
        end.wait()

    with threads.watched():
        thread = threading.Thread(target=waits, name="waiter", daemon=True)
        thread.start()
    try:
        assert list(threads.faults()) == ["the thread waiter still runs, and nobody hears what it finds: join it"]
    finally:
        end.set()
        thread.join()


def test_threads_that_ended_well_and_those_of_others_are_none(quiet, tmp_path):
    """A library's own thread runs no code of the rollout's folder."""
    elsewhere, here, end = Threads(tmp_path), Threads(HERE), threading.Event()

    thread = threading.Thread(target=end.wait, daemon=True)
    with elsewhere.watched(), here.watched():
        done = threading.Thread(target=len, args=("x",))
        done.start()
        done.join()
        thread.start()
    try:
        assert list(elsewhere.faults()) == []
        assert list(here.faults()) == []
    finally:
        end.set()
        thread.join()


def test_threads_that_were_there_before_are_none(quiet):
    end = threading.Event()

    def waits():
        end.wait()

    thread = threading.Thread(target=waits, daemon=True)
    thread.start()
    try:
        assert list(Threads(HERE).faults()) == []
    finally:
        end.set()
        thread.join()
