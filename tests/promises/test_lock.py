"""gates.lock: a gate that is gone, new or changed since the lock holds the release; `rollout lock` writes the lock."""

from __future__ import annotations

import shutil

import pytest

LOCK = "gates/shop/gates.lock"
LINES = [
    "phase1  rollout.yaml::phase1::latency_ms",
    "phase1  test_phase1.py::test_no_errors",
    "phase1  test_phase1.py::test_orders_keep_coming  [rollback]",
]


def change(project, old, new):
    """Change the gate module after it was locked."""
    path = project.gates / "test_phase1.py"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def lines(project):
    """What the lock holds, without its header."""
    return [line for line in (project.folder / LOCK).read_text("utf-8").splitlines() if not line.startswith("#")]


def command(project, *words):
    """Run `rollout lock` and make sure that it breaks in words only."""
    result = project.result_of(project.rollout("lock", *words))
    assert "most recent call last" not in result.text
    return result


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_no_lock_no_go(project, workers):
    """Without it, nobody would miss a deleted gate."""
    result = project.run(*workers, lock=False)

    result.holds("unlocked")
    result.stdout.fnmatch_lines(["  there is no gates.lock: run `rollout lock gates/shop` and commit it"])


@pytest.mark.parametrize(
    ("old", "new", "codes", "said"),
    [
        pytest.param("def test_no_errors", "def any_errors", {"missing"}, "is in gates.lock and was not", id="deleted"),
        pytest.param(
            "test_no_errors", "test_few_errors", {"missing", "unlocked"}, "is not in gates.lock", id="renamed"
        ),
        pytest.param("@pytest.mark.rollback\n", "", {"unlocked"}, "no longer takes the release back", id="milder"),
        pytest.param("def test_no", "@pytest.mark.rollback\ndef test_no", {"unlocked"}, "takes the rel", id="harsher"),
        pytest.param("mark.phase1", "mark.phase2", {"missing"}, "was not collected", id="moved-to-another-phase"),
    ],
)
def test_a_gate_changed_since_the_lock(project, old, new, codes, said):
    """A review must see it: HOLD until the lock is written again."""
    project.lock()
    change(project, old, new)

    result = project.run(lock=False)

    result.holds(*codes)
    assert said in result.text


def test_a_gate_added_since_the_lock(project):
    """It is judged, and holds for want of a line."""
    project.lock()
    shutil.copy(project.gates / "test_phase1.py", project.gates / "test_more.py")

    result = project.run("-n", "2", lock=False)

    result.holds("unlocked")
    result.stdout.fnmatch_lines(["HOLD?unlocked? test_more.py::test_no_errors", "  is not in gates.lock*"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"what is this\n", "gates.lock:1:1: not a gate: 'what is this'", id="no-gate"),
        pytest.param(b"<<<<<<< HEAD\nphase1  a\n=======\n", "'<<<<<<< HEAD', and 1 more problems", id="merge-conflict"),
        pytest.param(b"phase1  a\nphase1  a\n", "gates.lock:2:1: 'a' stands here twice", id="twice"),
        pytest.param(b"\xff\xfe\x00", "gates.lock:1:1: not a gate", id="binary"),
    ],
)
def test_a_lock_that_cannot_be_read(project, content, said):
    """It locks nothing, and is not said to be missing."""
    (project.folder / LOCK).write_bytes(content)

    result = project.run(lock=False)

    result.holds("unlocked")
    assert said in " ".join(result.text.split())
    assert "there is no gates.lock" not in result.text


def test_a_lock_that_is_a_folder(project):
    """Neither the run nor the command breaks."""
    (project.folder / LOCK).mkdir()

    project.run(lock=False).holds("unlocked")
    written = command(project, "gates")
    assert written.ret == 4
    assert "gates.lock cannot be read" in written.text


def test_check_says_what_would_change_and_writes_nothing(project):
    """Exit 1 and a diff; 0 when all is as locked; the last run's receipt stays."""
    assert command(project, "--check", "gates").ret == 1
    assert not (project.folder / LOCK).exists()
    project.run().proceeds()
    unchanged = command(project, "--check", "gates")
    assert unchanged.ret == 0
    assert unchanged.verdict is not None
    change(project, "test_no_errors", "test_few_errors")

    result = command(project, "--check", "gates")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "-phase1  test_phase1.py::test_no_errors",
            "+phase1  test_phase1.py::test_few_errors",
            f"*{LOCK}: differs from the gates that are there; run `rollout lock gates/shop` and commit it",
        ]
    )
    assert lines(project) == LINES
    assert command(project, "gates").ret == 0
    assert command(project, "--check", "gates").ret == 0


def test_the_projects_own_options_do_not_shorten_it(project):
    """`addopts` may deselect, mark and distribute: the lock holds every gate of every phase."""
    project.write("pytest.ini", "[pytest]\naddopts = -m phase2 -k nothing -n 2 -v\n")

    assert command(project, "gates").ret == 0

    assert lines(project) == LINES


def test_a_part_of_a_rollout_is_not_locked(project):
    """A lock made from one file would forget the gates of the others."""
    project.lock()
    (project.gates / "more").mkdir()
    for part in ("gates/shop/test_phase1.py", "gates/shop/more"):
        result = command(project, part)

        assert result.ret == 4
        assert "a lock holds every gate of a rollout, here of shop" in result.text
        assert "name the whole folder: rollout lock gates/shop" in result.text
    assert lines(project) == LINES


def test_several_rollouts_are_locked_at_once(project):
    """Each in its own folder, without the gates of the other."""
    shutil.copytree(project.gates, project.gates / "pay")
    project.write("pytest.ini", "[pytest]\naddopts = --import-mode=importlib\n")
    plan = project.gates / "pay" / "rollout.yaml"
    plan.write_text(plan.read_text("utf-8").replace("rollout: shop", "rollout: pay"), encoding="utf-8")

    assert command(project, "gates").ret == 0

    assert lines(project) == LINES
    assert (project.gates / "pay" / "gates.lock").read_text("utf-8") == (project.folder / LOCK).read_text("utf-8")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_parametrised_gates_are_locked_one_by_one(project, workers):
    """Whatever stands between the brackets; and one that vanishes is missed."""
    gates = """
        @pytest.mark.parametrize("name", ["errors", "a/b::c", "x  [rollback]", "a\\nb", " "])
        def test_each(metrics, name):
            assert metrics("errors") == 0
        """
    project.gate(gates)
    project.lock()
    assert len(lines(project)) == 6
    project.run(*workers, lock=False).proceeds()
    project.gate(gates.replace('"a/b::c", ', ""))

    result = project.run(*workers, lock=False)

    result.holds("missing")
    result.stdout.fnmatch_lines(["*HOLD?missing?  each?a/b::c? *"])


@pytest.mark.parametrize(
    ("module", "said"),
    [
        pytest.param("def (:\n", "SyntaxError: invalid syntax", id="syntax"),
        pytest.param("import nonsense\n", "No module named 'nonsense'", id="import"),
        pytest.param(
            "import pytest\npytestmark = pytest.mark.phase1\n\n\n@pytest.mark.gate(ownr='me')\ndef test_a(metrics):"
            "\n    pass\n",
            "did you mean 'owner'?",
            id="marker",
        ),
    ],
)
def test_gates_that_cannot_be_collected(project, module, said):
    """The command says so, with pytest's own words and none of its frames, and writes nothing."""
    project.write("gates/shop/test_phase1.py", module)

    result = command(project, "gates")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["pytest could not collect the gates (status 2):", f"*{said}*"])
    lines = result.stderr.lines
    told = lines[lines.index("pytest could not collect the gates (status 2):") + 1 :]
    assert all(line.startswith("gates/shop/test_phase1.py: ") for line in told if line), told
    assert not (project.folder / LOCK).exists()


BAD_MARKERS = '''
@pytest.mark.shadow(until="tomorrow", why="noise")
def test_x(metrics):
    """X."""
    assert metrics("errors") == 0


@pytest.mark.gate(severity="huge")
def test_y(metrics):
    """Y."""
    assert metrics("errors") == 0


def helper(metrics):
    """No gate, though it looks like one."""
'''


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
@pytest.mark.parametrize(
    ("module", "said"),
    [
        pytest.param(
            BAD_MARKERS,
            "line 7: test_x: @pytest.mark.shadow: until is a day such as '2026-12-01', not 'tomorrow'; "
            "line 13: test_y: @pytest.mark.gate: severity is one of blocker, critical, normal, minor, trivial",
            id="markers",
        ),
        pytest.param(
            "def test_x(metrics):\n    assert metrics('errors') == 0\n\n\nimport nonsense\n",
            "ModuleNotFoundError: No module named 'nonsense'",
            id="import",
        ),
    ],
)
def test_gates_of_a_file_that_could_not_be_collected(project, module, said, workers):
    """All that is wrong with the file is said first, and no gate of it is told to be called otherwise."""
    project.gate(module)

    result = project.run(*workers, "--continue-on-collection-errors", lock=False)

    assert result.codes == {"error", "unlocked"}
    assert [each["sentence"] for each in result.verdict["reasons"]] == [
        f"gates/shop/test_phase1.py could not be collected: {said}"
    ]
    assert "looks like a gate" not in result.text
    lines = [line for line in result.stdout.lines[result.stdout.lines.index("HOLD[error]") - 2 :] if line]
    assert [lines[0][:7], *lines[1:2]] == ["VERDICT", "HOLD[error]"]
    assert "INTERNALERROR" not in result.text


def test_gates_without_a_phase_are_not_locked(project):
    """A gate that no phase judges would be locked for nothing."""
    change(project, "pytestmark", "marks")

    result = command(project, "gates")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["test_phase1.py::test_no_errors carries no phase marker of shop*"])


@pytest.mark.parametrize(
    ("folder", "said"), [("nowhere", "not found: nowhere"), ("docs", "no rollout.yaml in or below docs")]
)
def test_a_folder_without_a_rollout(project, folder, said):
    """Nothing is locked, in words."""
    project.write("docs/readme.md", "")

    result = command(project, folder)

    assert result.ret == 4
    assert said in result.text
