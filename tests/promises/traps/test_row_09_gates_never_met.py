"""Row 9: a gate that pytest never meets is missed, by the lock or by reading the sources."""

import pytest

NOT_COLLECTED = {
    "file-not-test": ("gates/shop/phase1.py", "@pytest.mark.phase1\ndef test_latency(metrics):\n    {claim}\n"),
    "file-in-subfolder": (
        "gates/shop/more/phase1.py",
        "@pytest.mark.phase1\ndef test_latency(metrics):\n    {claim}\n",
    ),
    "function-not-test": (
        "gates/shop/test_more.py",
        "@pytest.mark.phase1\ndef tset_latency(metrics):\n    {claim}\n",
    ),
    "class-not-Test": (
        "gates/shop/test_more.py",
        "@pytest.mark.phase1\nclass Latency:\n    def test_latency(self, metrics):\n        {claim}\n",
    ),
    "class-with-init": (
        "gates/shop/test_more.py",
        "@pytest.mark.phase1\nclass TestA:\n    def __init__(self):...\n    def test_p99(self, metrics): {claim}\n",
    ),
    "class-with-init-without-fixtures": (
        "gates/shop/test_more.py",
        "@pytest.mark.phase1\nclass TestLatency:\n    def __init__(self): ...\n\n    def test_latency(self): ...\n",
    ),
    "module-mark-without-fixtures": (
        "gates/shop/phase1.py",
        "pytestmark = pytest.mark.phase1\n\n\ndef test_latency(): ...\n",
    ),
    "async-not-test": (
        "gates/shop/test_more.py",
        "@pytest.mark.phase1\nasync def latency_test(metrics):\n    {claim}\n",
    ),
    "function-dunder-test": (
        "gates/shop/test_more.py",
        "@pytest.mark.phase1\ndef test_latency(metrics):\n    {claim}\n\n\ntest_latency.__test__ = False\n",
    ),
    "class-dunder-test": (
        "gates/shop/test_more.py",
        "@pytest.mark.phase1\nclass TestLatency:\n    __test__ = False\n    def test_latency(self, metrics): {claim}\n",
    ),
    "module-dunder-test": (
        "gates/shop/test_more.py",
        "__test__ = False\n\n\n@pytest.mark.phase1\ndef test_latency(metrics):\n    {claim}\n",
    ),
    "behind-a-condition": (
        "gates/shop/test_more.py",
        "if False:\n\n    @pytest.mark.phase1\n    def test_latency(metrics):\n        {claim}\n",
    ),
    "deleted-in-place": (
        "gates/shop/test_more.py",
        "@pytest.mark.phase1\ndef test_latency(metrics):\n    {claim}\n\n\ndel test_latency\n",
    ),
}


@pytest.fixture(scope="module")
def passed_over(new_project):
    """One run over a folder with all of them, each in a file of its own."""
    project = new_project()
    for number, (name, text) in enumerate(NOT_COLLECTED.values()):
        path = name.replace(".py", f"_{number}.py")
        project.write(path, "import pytest\n\n\n" + text.replace("{claim}", 'assert metrics("latency_ms") < 10'))
    return project.run()


@pytest.mark.parametrize("case", NOT_COLLECTED)
def test_row_09_a_function_that_looks_like_a_gate_and_is_not_collected(passed_over, case):
    """Never locked either: the folder's syntax trees are read."""
    number = list(NOT_COLLECTED).index(case)
    reasons = passed_over.verdict["verdicts"][0]["reasons"]

    assert passed_over.ret == 1
    assert [each["code"] for each in reasons if f"_{number}.py" in each["gate"]] == ["missing"]


def test_row_09_under_xdist(project, blocked):
    """What was collected is known from the workers' pages."""
    project.write("gates/shop/phase1.py", "def test_latency(metrics):\n    assert metrics('latency_ms') < 10\n")

    blocked(project.run("-n", "2"), "missing")


def test_row_09_two_functions_of_one_name(project, blocked, workers):
    """The second replaces the first, which would have failed."""
    project.gate(
        """
        def test_latency(metrics):
            assert metrics("latency_ms") < 10


        def test_latency(metrics):
            assert metrics("latency_ms") < 60
        """
    )

    blocked(project.run(*workers), "duplicate")


def test_row_09_two_classes_of_one_name(project, blocked):
    """The gates of the first class vanish with it."""
    project.gate(
        """
        class TestLatency:
            def test_strict(self, metrics):
                assert metrics("latency_ms") < 10


        class TestLatency:
            def test_mild(self, metrics):
                assert metrics("latency_ms") < 60
        """
    )

    blocked(project.run(), "missing")


def test_row_09_a_gate_deleted_since_the_lock(project, blocked, workers):
    """Only a list from before can miss what is not there any more."""
    project.lock()
    project.gate(
        """
        def test_no_errors(metrics):
            assert metrics("errors") == 0
        """
    )

    result = project.run(*workers, lock=False)

    blocked(result, "missing")
    result.stdout.fnmatch_lines(["*orders_keep_coming*"])


def test_row_09_a_gate_renamed_since_the_lock(project, blocked, workers):
    """The old name is missing, the new one not reviewed."""
    path = project.gates / "test_phase1.py"
    project.lock()
    path.write_text(path.read_text("utf-8").replace("test_orders_keep_coming", "test_orders"), encoding="utf-8")

    blocked(project.run(*workers, lock=False), "missing", "unlocked")


def test_row_09_a_file_deleted_since_the_lock(project, blocked):
    """A whole module."""
    project.write(
        "gates/shop/test_more.py",
        "import pytest\n\n\n@pytest.mark.phase1\ndef test_l(metrics):\n    assert metrics('latency_ms') < 60\n",
    )
    project.lock()
    (project.gates / "test_more.py").unlink()

    blocked(project.run(lock=False), "missing")


def test_row_09_a_plan_line_deleted_since_the_lock(project, blocked):
    """A budget is a gate like any other."""
    project.lock()
    plan = project.gates / "rollout.yaml"
    plan.write_text(plan.read_text("utf-8").replace("phases: [phase1]", "phases: [phase2]"), encoding="utf-8")

    blocked(project.run(lock=False), "missing")


def test_row_09_a_gate_moved_to_another_phase(project, blocked):
    """The phase that loses it misses it."""
    project.lock()
    path = project.gates / "test_phase1.py"
    text = path.read_text("utf-8").replace("@pytest.mark.rollback", "@pytest.mark.rollback\n@pytest.mark.phase2")
    path.write_text(text.replace("pytestmark = pytest.mark.phase1", ""), encoding="utf-8")

    blocked(project.run(lock=False), "missing")


def test_row_09_a_trigger_that_lost_its_marker(project, blocked):
    """A gate that no longer takes the release back is another gate."""
    project.lock()
    path = project.gates / "test_phase1.py"
    path.write_text(path.read_text("utf-8").replace("@pytest.mark.rollback\n", ""), encoding="utf-8")

    blocked(project.run(lock=False), "unlocked")


@pytest.mark.parametrize("text", [None, "", "nonsense\n", "\xff\xfe\n"], ids=["none", "empty", "broken", "binary"])
def test_row_09_no_lock_to_compare_with(project, blocked, text):
    """Without a lock, nothing says which gates there should be."""
    if text is not None:
        (project.gates / "gates.lock").write_bytes(text.encode("latin-1"))

    blocked(project.run(lock=False), "unlocked")


@pytest.mark.parametrize(
    "option",
    ["python_files=check_*.py", "python_functions=check_*", "norecursedirs=shop", "collect_imported_tests=false"],
)
def test_row_09_pytest_told_to_look_elsewhere(project, blocked, option):
    """An -o changes what pytest collects; the lock does not move with it."""
    project.lock()
    result = project.run("-o", option, lock=False)
    if option.startswith("collect_imported"):
        assert result.ret == 0  # changes nothing here, and so must not block
    else:
        assert result.ret != 0
        assert result.verdict is None or result.verdict["decision"] != "PROCEED"
