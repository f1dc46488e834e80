"""The committed list of gates: what it says comes back, and what it cannot say it refuses."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import PlanError
from pytest_rollout.lock import LOCK_NAME, LockedGate, locked, read_lock, render, write_lock

ODD_IDS = [
    "test_x.py::test_a",
    "test_x.py::TestA::test_a",
    "rollout.yaml::phase1::memory_rss_bytes",
    "folder with spaces/test_x.py::test_a",
    "test_x.py::test_a[two  spaces]",
    "test_x.py::test_a[a-b]",
    "test_x.py::test_a[[rollback]]",
    "test_x.py::test_a[x  [rollback]]",
    "test_x.py::test_a  [rollback]",
    "test_x.py::test_a[#]",
    "# not a comment",
    "test_x.py::test_a[größe-☃-数]",
    "test_x.py::test_a[new\nline]",
    "test_x.py::test_a[carriage\r\nreturn]",
    "test_x.py::test_a[escaped\\nline]",
    "test_x.py::test_a[tab\t]",
    "test_x.py::test_a[line separator \u2028]",
    "test_x.py::test_a[form feed \x0c and \x1c and \x85]",
    "test_x.py::test_a[surrogate \udcff]",
    "test_x.py::test_a[nbsp\xa0]",
    ' "quoted"',
    '"quoted"',
    '"',
    " leading",
    "trailing ",
    "\\",
]


@pytest.mark.parametrize("rollback", [False, True])
@pytest.mark.parametrize("gate_id", ODD_IDS)
def test_every_id_comes_back(tmp_path, gate_id, rollback):
    """One line a gate, whatever its parameters are called."""
    gate = LockedGate(gate_id, ("phase1", "phase2"), rollback)
    write_lock(tmp_path, [gate])
    lock = read_lock(tmp_path)

    assert lock is not None
    assert lock.gates == (gate,)
    assert len((tmp_path / LOCK_NAME).read_text(encoding="utf-8").splitlines()) == 3


def test_ordinary_ids_are_written_as_they_are():
    """For the reader of a review."""
    text = render([LockedGate("test_x.py::test_a[größe]", ("phase1",), True)])

    assert text.endswith("\nphase1  test_x.py::test_a[größe]  [rollback]\n")


@given(
    st.sets(st.text(min_size=1), max_size=5),
    st.lists(st.sampled_from(["phase1", "phase2"]), min_size=1, max_size=2, unique=True),
    st.booleans(),
)
def test_locks_come_back(tmp_path_factory, ids, phases, rollback):
    folder = tmp_path_factory.mktemp("lock")
    gates = tuple(sorted(LockedGate(each, tuple(phases), rollback) for each in ids))
    write_lock(folder, gates)
    lock = read_lock(folder)

    assert lock is not None
    assert lock.gates == gates


def test_no_lock_is_none(tmp_path):
    assert read_lock(tmp_path) is None


def test_an_empty_lock_has_no_gates(tmp_path):
    (tmp_path / LOCK_NAME).write_text("", encoding="utf-8")
    lock = read_lock(tmp_path)

    assert lock is not None
    assert (lock.gates, lock.of_phase("phase1")) == ((), ())


@pytest.mark.parametrize(
    "line",
    [
        "phase1",
        "phase1 test_x.py::test_a",
        "phase1\ttest_x.py::test_a",
        "test_x.py::test_a",
        "phase1,  ",
        "phase1,,phase2  test_x.py::test_a",
        "phase 1  test_x.py::test_a",
        "phase1  ",
        "phase1    [rollback]",
        'phase1  "unfinished',
        'phase1  ""',
        "<<<<<<< HEAD",
        "=======",
        ">>>>>>> branch",
        "\ufeffphase1  test_x.py::test_a",
    ],
)
def test_a_malformed_line_is_refused_with_its_place(tmp_path, line):
    """A lock that is read by halves would miss the gates of the other half."""
    (tmp_path / LOCK_NAME).write_text(f"# head\n\nphase1  test_x.py::test_b\n{line}\n", encoding="utf-8")

    with pytest.raises(PlanError, match="not a gate") as refused:
        read_lock(tmp_path)
    assert f"{LOCK_NAME}:4:1" in str(refused.value)
    assert "rollout lock" in str(refused.value)


def test_a_gate_that_stands_twice_is_refused(tmp_path):
    (tmp_path / LOCK_NAME).write_text("phase1  a.py::b\nphase2  a.py::b\n", encoding="utf-8")

    with pytest.raises(PlanError, match="stands here twice"):
        read_lock(tmp_path)


def test_every_problem_is_told_at_once(tmp_path):
    (tmp_path / LOCK_NAME).write_text("one\ntwo\n", encoding="utf-8")

    with pytest.raises(PlanError) as refused:
        read_lock(tmp_path)
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\x80\n", b"\0"])
def test_what_is_no_text_is_refused(tmp_path, data):
    (tmp_path / LOCK_NAME).write_bytes(data)

    with pytest.raises(PlanError):
        read_lock(tmp_path)


def test_a_lock_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / LOCK_NAME).mkdir()

    with pytest.raises(PlanError, match="cannot be read"):
        read_lock(tmp_path)


def test_line_ends_of_windows_are_read(tmp_path):
    (tmp_path / LOCK_NAME).write_bytes(b"# head\r\nphase1  a.py::b  [rollback]\r\n")
    lock = read_lock(tmp_path)

    assert lock is not None
    assert lock.gates == (LockedGate("a.py::b", ("phase1",), True),)


def test_the_digest_is_that_of_the_bytes(tmp_path):
    write_lock(tmp_path, [LockedGate("a.py::b", ("phase1",))])
    lock = read_lock(tmp_path)

    assert lock is not None
    assert lock.digest == hashlib.sha256((tmp_path / LOCK_NAME).read_bytes()).hexdigest()


def test_gates_are_sorted_so_that_a_review_shows_one_line(make_gate):
    gates = locked([make_gate("test_b", phases=("phase2", "phase1")), make_gate("test_a", rollback=True)])

    assert [str(gate) for gate in gates] == [
        "phase1  test_x.py::test_a  [rollback]",
        "phase1,phase2  test_x.py::test_b",
    ]
    assert render(reversed(gates)) == render(gates)


def test_the_gates_of_a_phase(tmp_path):
    write_lock(tmp_path, [LockedGate("a", ("phase1", "phase2")), LockedGate("b", ("phase10",))])
    lock = read_lock(tmp_path)

    assert lock is not None
    assert [gate.id for gate in lock.of_phase("phase1")] == ["a"]


def test_writing_leaves_nothing_but_the_lock(tmp_path):
    for _ in range(2):
        write_lock(tmp_path, [LockedGate("a", ("phase1",))])

    assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]
