"""What a person at a terminal reads while a run waits for answers."""

import time

from pytest_rollout.reports.progress import leave_progress, progress_line, say_progress, shown_progress


class Screen:
    """A terminal reporter that keeps what was written."""

    def __init__(self, isatty=True):
        self.isatty = isatty
        self.lines = []

    def write_line(self, line, **markup):
        self.lines.append(line)


def until(condition, seconds=10):
    give_up = time.monotonic() + seconds
    while not condition() and time.monotonic() < give_up:
        time.sleep(0.02)
    return condition()


def test_a_line():
    assert progress_line(3, 8, ["a", "b", "c", "d", "e"]) == ("rollout: 3 of 8 answers, waiting for a, b, c and 2 more")


def test_only_a_terminal_is_told():
    screen, log = Screen(), Screen(isatty=False)

    for each in (screen, log, None):
        say_progress(each, 1, 2, ["a"])

    assert (screen.lines, log.lines) == (["rollout: 1 of 2 answers, waiting for a"], [])


def test_what_a_worker_leaves_is_shown_once(tmp_path):
    """Each line once, the newest as it comes; what is left after the end is shown to nobody."""
    screen = Screen()

    with shown_progress(tmp_path, screen):
        leave_progress(tmp_path, 1, 3, ["b", "c"])
        assert until(lambda: len(screen.lines) == 1)
        time.sleep(1.2)  # looked at again twice, and it is the same line
        leave_progress(tmp_path, 2, 3, ["c"])
        assert until(lambda: len(screen.lines) == 2)
    leave_progress(tmp_path, 3, 3, [])

    assert screen.lines == [progress_line(1, 3, ["b", "c"]), progress_line(2, 3, ["c"])]


def test_a_log_and_a_lost_folder_change_nothing(tmp_path):
    log = Screen(isatty=False)

    leave_progress(tmp_path / "gone", 1, 2, ["a"])
    leave_progress(None, 1, 2, ["a"])
    with shown_progress(tmp_path, log), shown_progress(None, Screen()), shown_progress(tmp_path, None):
        leave_progress(tmp_path, 1, 2, ["a"])

    assert log.lines == []
