"""Row 7: a phase is asked for and a part of it is left out."""

import pytest

LEFT_OUT = {
    "k": (("-k", "errors"), "deselected"),
    "k-nothing-left": (("-k", "nothing_like_it"), "deselected"),
    "deselect": (("--deselect", "gates/shop/test_phase1.py::test_no_errors"), "deselected"),
    "ignore": (("--ignore", "gates/shop/test_phase1.py"), "missing"),
    "ignore-glob": (("--ignore-glob", "*phase1*"), "missing"),
    "ignore-the-plan": (("--ignore", "gates/shop/rollout.yaml"), "missing"),
    "confcutdir-and-k": (("--confcutdir", "gates", "-k", "orders"), "deselected"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_row_07_an_option_leaves_a_gate_out(project, blocked, case):
    """HOLD, naming it."""
    words, code = LEFT_OUT[case]

    result = project.run(*words)

    blocked(result, code, ret=5 if case == "k-nothing-left" else 1)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("gates/shop/test_phase1.py", "missing"),
        ("gates/shop/test_phase1.py::test_no_errors", "missing"),
        ("gates/shop/rollout.yaml", "missing"),
        ("gates/shop/rollout.yaml::phase1::latency_ms", "missing"),
    ],
)
def test_row_07_one_file_or_one_test_named(project, blocked, name, code):
    """The phase is asked for, so all of it is."""
    project.lock()

    blocked(project.pytest(name, "-m", "phase1", "--rollout-env", "test"), code)


def test_row_07_under_xdist(project, blocked):
    """Workers leave gates out each for itself."""
    blocked(project.run("-n", "2", "-k", "errors"), "deselected")


@pytest.mark.parametrize("option", ["--lf", "--ff", "--sw", "--sw-skip"])
def test_row_07_after_a_failed_run(project, blocked, option):
    """What passed last time proves nothing this time."""
    project.answers(errors=1)
    project.run("-p", "cacheprovider")
    project.answers(errors=0, orders=None)  # now another gate is in doubt, which --lf leaves out

    blocked(project.run("-p", "cacheprovider", option), ret=2 if option == "--sw" else 1)


def test_row_07_last_failed_runs_only_what_failed(project, blocked):
    """All that is run is good, and the rest was left out."""
    project.answers(errors=1)
    project.run("-p", "cacheprovider")
    project.answers()

    blocked(project.run("-p", "cacheprovider", "--lf"))


@pytest.mark.parametrize(
    "text",
    [
        "collect_ignore = ['test_phase1.py']",
        "collect_ignore_glob = ['*phase1*']",
        "def pytest_ignore_collect(collection_path):\n    return collection_path.name == 'test_phase1.py' or None",
        "def pytest_collection_modifyitems(items):\n    items[:] = items[:1]",
        "def pytest_collection_modifyitems(items):\n    del items[:]",
        "def pytest_pycollect_makeitem(name):\n    return [] if name == 'test_no_errors' else None",
    ],
    ids=["collect_ignore", "collect_ignore_glob", "ignore_collect", "drops-some", "drops-all", "makes-nothing"],
)
def test_row_07_a_conftest_leaves_a_gate_out(project, blocked, workers, text):
    """In silence, or as an option would."""
    project.lock()
    project.write("gates/shop/conftest.py", text + "\n")

    result = project.run(*workers, lock=False)

    blocked(result, "missing", ret=5 if "del items" in text else 1)


def test_row_07_ini_options_leave_a_gate_out(project, blocked):
    """addopts is nobody's command line, and counts as one."""
    project.write("pytest.ini", "[pytest]\nstrict_markers = true\naddopts = -k errors\n")

    blocked(project.run(), "deselected")
