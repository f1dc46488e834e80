"""The committed list of gates: what it says comes back, and what it cannot say it refuses."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import PlanError, Problem
from pytest_rollout.lock import LOCK_NAME, Lock, LockedGate, lock_of_lines, locked, read_lock, render, write_lock

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
    "test_x.py::test_a  [shadow until 2026-12-01]",
    "test_x.py::test_a[  [shadow until 2026-12-01]]",
    "test_x.py::test_a [shadow until 2026-12-01]",
    "test_x.py::test_a  [shadow until tomorrow]",
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


@pytest.mark.parametrize("shadow", ["", "2026-12-01"])
@pytest.mark.parametrize("rollback", [False, True])
@pytest.mark.parametrize("gate_id", ODD_IDS)
def test_every_id_comes_back(tmp_path, gate_id, rollback, shadow):
    """One line a gate, whatever its parameters are called."""
    gate = LockedGate(gate_id, ("phase1", "phase2"), rollback, shadow)
    write_lock(tmp_path, [gate])
    lock = read_lock(tmp_path)

    assert lock is not None
    assert lock.gates == (gate,)
    assert len((tmp_path / LOCK_NAME).read_text(encoding="utf-8").splitlines()) == 3


def test_ordinary_ids_are_written_as_they_are():
    """For the reader of a review."""
    text = render([LockedGate("test_x.py::test_a[größe]", ("phase1",), True)])

    assert text.endswith("\nphase1  test_x.py::test_a[größe]  [rollback]\n")


def test_a_lock_says_what_it_is():
    """To somebody who meets it in a review and has never heard of it."""
    gates = [
        LockedGate("test_x.py::test_b", ("phase1", "phase2"), rollback=True, shadow="2026-12-01"),
        LockedGate("test_x.py::test_a", ("phase1",), shadow="2026-12-01"),
    ]

    assert render(gates) == (
        "# The gates of this rollout: phases, id, and `rollback` where the gate takes the release back.\n"
        "# Written by `rollout lock`; commit it. A run whose gates differ from it is a HOLD.\n"
        "phase1  test_x.py::test_a  [shadow until 2026-12-01]\n"
        "phase1,phase2  test_x.py::test_b  [rollback]  [shadow until 2026-12-01]\n"
    )


@pytest.mark.parametrize(
    ("gate_id", "shown"),
    [
        ("test_a", "test_a"),
        (" leading", '" leading"'),
        ('"quoted"', '"\\"quoted\\""'),
        ("new\nline", '"new\\nline"'),
        ("test_a  [rollback]", '"test_a  [rollback]"'),
        ("test_a  [shadow until 2026-12-01]", '"test_a  [shadow until 2026-12-01]"'),
        ("test_a  [rollback] b", "test_a  [rollback] b"),
        ("test_a[two  spaces]", "test_a[two  spaces]"),
    ],
)
def test_an_id_is_quoted_only_where_it_must_be(gate_id, shown):
    assert str(LockedGate(gate_id, ("phase1",))) == f"phase1  {shown}"


def test_a_locked_gate_is_a_fact_and_ordinary_unless_it_says_more():
    gate = LockedGate("a", ("phase1",))

    assert (gate.rollback, gate.shadow) == (False, "")
    with pytest.raises(AttributeError):
        gate.rollback = True
    with pytest.raises(AttributeError):
        Lock((gate,), "").gates = ()


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


def test_the_last_day_of_a_shadow_is_locked(make_gate):
    """With the rest of what a review agrees on."""
    shadow = make_gate("test_s", shadow_until=date(2026, 12, 1), rollback=True, phases=("phase2", "phase1"))

    assert locked([shadow, make_gate("test_a")]) == (
        LockedGate("test_x.py::test_a", ("phase1",), rollback=False, shadow=""),
        LockedGate("test_x.py::test_s", ("phase1", "phase2"), rollback=True, shadow="2026-12-01"),
    )


def test_lines_of_a_plan_make_a_lock_of_their_own():
    """Sorted, of one phase, counting all, and without a digest: no file was read."""
    assert lock_of_lines(["b", "a"], "phase1") == Lock(
        (LockedGate("a", ("phase1",), rollback=False, shadow=""), LockedGate("b", ("phase1",))), ""
    )


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

    with pytest.raises(PlanError) as refused:
        read_lock(tmp_path)
    assert refused.value.problems == (
        Problem(str(tmp_path / LOCK_NAME), 4, 1, "", f"not a gate: {line!r}", (f"run `rollout lock {tmp_path}`",)),
    )


def test_a_long_line_is_shown_by_its_beginning(tmp_path):
    """A binary file or a merged one is not printed whole."""
    (tmp_path / LOCK_NAME).write_text("x" * 5000, encoding="utf-8")

    with pytest.raises(PlanError) as refused:
        read_lock(tmp_path)
    assert refused.value.problems[0].found == f"not a gate: '{'x' * 80}'"


def test_blank_lines_and_comments_are_no_gates(tmp_path):
    """A comment begins a line; what stands after blanks is refused like anything else."""
    (tmp_path / LOCK_NAME).write_text("#x\n   \n\nphase1  a.py::b\n#\n", encoding="utf-8")
    lock = read_lock(tmp_path)

    assert lock is not None
    assert [gate.id for gate in lock.gates] == ["a.py::b"]


def test_a_lock_that_was_written_by_hand_is_read_in_order(tmp_path):
    """And its ids may stand in quotes without need, or far from their phases."""
    (tmp_path / LOCK_NAME).write_text('phase1    "b"\nphase1  a\n', encoding="utf-8")
    lock = read_lock(tmp_path)

    assert lock is not None
    assert [gate.id for gate in lock.gates] == ["a", "b"]


def test_a_shadow_stands_at_the_end_of_its_line(tmp_path):
    """Elsewhere, or without a day, it is part of a name that no gate has, which is missed."""
    lines = [
        "phase1  a  [shadow until 2026-12-01]  [rollback]",
        "phase1  b  [shadow until 2026-12]",
        "phase1  c  [shadow until 2026-12-01] x",
        "phase1  d [shadow until 2026-12-01]",
    ]
    (tmp_path / LOCK_NAME).write_text("\n".join(lines), encoding="utf-8")
    lock = read_lock(tmp_path)

    assert lock is not None
    assert [gate.shadow for gate in lock.gates] == ["", "", "", ""]


def test_a_gate_that_stands_twice_is_refused(tmp_path):
    (tmp_path / LOCK_NAME).write_text("phase1  a.py::b\nphase2  a.py::b\n", encoding="utf-8")

    with pytest.raises(PlanError) as refused:
        read_lock(tmp_path)
    assert refused.value.problems == (
        Problem(
            f"{tmp_path / LOCK_NAME}", 2, 1, "", "'a.py::b' stands here twice", (f"run `rollout lock {tmp_path}`",)
        ),
    )


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

    with pytest.raises(PlanError) as refused:
        read_lock(tmp_path)
    assert refused.value.problems == (Problem(str(tmp_path / LOCK_NAME), 1, 1, "", "cannot be read: Is a directory"),)


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

    assert [path.name for path in tmp_path.iterdir()] == ["gates.lock"]


def test_a_lock_is_written_beside_and_moved(tmp_path):
    """What cannot be moved into place leaves the old lock as it was."""
    (tmp_path / LOCK_NAME).mkdir()

    with pytest.raises(IsADirectoryError):
        write_lock(tmp_path, [LockedGate("a", ("phase1",))])
    assert (tmp_path / ".gates.lock.part").is_file()
