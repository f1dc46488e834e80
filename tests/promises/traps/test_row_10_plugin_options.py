"""Row 10: what PYTEST_ADDOPTS and options of pytest itself can take away."""

import pytest

NOTHING_RUN = {
    "help": "--help",
    "collect-only": "--co",
    "setup-plan": "--setup-plan",
    "setup-only": "--setup-only",
    "fixtures": "--fixtures",
    "fixtures-per-test": "--fixtures-per-test",
    "markers": "--markers",
    "cache-show": "--cache-show",
    "version-twice": "-VV",
}


@pytest.mark.parametrize("how", ["words", "environment"])
@pytest.mark.parametrize("case", NOTHING_RUN)
def test_row_10_an_option_that_runs_nothing(project, blocked, case, how):
    """A phase was asked for and not judged."""
    option = NOTHING_RUN[case]
    words, env = ((option,), {}) if how == "words" else ((), {"PYTEST_ADDOPTS": option})

    result = project.run("-p", "cacheprovider", *words, env=env)

    blocked(result, receipt=False)
    assert any(line.startswith("VERDICT  HOLD") for line in result.stdout.lines[-1:])


def test_row_10_version_alone(project):
    """pytest answers before it loads any plugin: exit code 0, no receipt, and `rollout verify` says no."""
    result = project.pytest("--version")

    assert result.verdict is None
    assert project.rollout("verify", "--phase", "phase1").returncode == 1


@pytest.mark.parametrize("words", ["-k errors", "-m rollback", "--deselect gates/shop/test_phase1.py"])
def test_row_10_options_from_the_environment_that_leave_gates_out(project, blocked, words):
    """-k and --deselect leave gates out; an -m of the environment loses against the command line."""
    result = project.run(env={"PYTEST_ADDOPTS": words})

    if words.startswith("-m"):
        result.proceeds()
    else:
        blocked(result, "deselected")


@pytest.mark.parametrize(
    "words",
    ["--rollout-env test", "--rollout-env=test", "--rollout-out elsewhere", "--rollout-explore", "--rollout-fault x"],
)
def test_row_10_our_options_from_the_environment_are_refused(project, blocked, words):
    """Nobody who reads the command line sees them."""
    blocked(project.run(env={"PYTEST_ADDOPTS": words}), ret=4, receipt=False)


@pytest.mark.parametrize(
    "words",
    ["@words", "--rol''lout-out elsewhere", "-o addopts=@words", "-c other.ini", "--rootdir other"],
    ids=["file-of-words", "in-quotes", "ini-option", "another-ini-file", "another-root"],
)
def test_row_10_our_options_from_the_environment_by_another_way(project, blocked, words):
    """In a file of arguments, in quotes, through an ini file: and neither folder keeps an old receipt."""
    project.run().proceeds()
    receipt = project.folder / ".rollout" / "verdict.json"
    project.write("elsewhere/verdict.json", receipt.read_text("utf-8"))
    project.write("words", "--rollout-out\nelsewhere\n")
    ini = "[pytest]\nstrict_markers = true\naddopts = --rollout-out elsewhere\n"
    for name in ("other.ini", "other/pytest.ini"):
        project.write(name, ini)

    result = project.run(env={"PYTEST_ADDOPTS": words})

    if words == "--rootdir other":  # it says where names start from, and chooses no ini file
        result.proceeds()
    else:
        blocked(result, ret=4, receipt=False)
        assert not receipt.exists()
        assert not (project.folder / "elsewhere" / "verdict.json").exists()


def test_row_10_our_options_in_the_projects_own_file(project):
    """The counterpart: the project's ini file may say where the receipt goes, whatever else the environment says."""
    project.write("pytest.ini", "[pytest]\nstrict_markers = true\naddopts = --rollout-out build\n")

    result = project.run(env={"PYTEST_ADDOPTS": "-q --color=no"})

    assert result.ret == 0, result.text
    assert (project.folder / "build" / "verdict.json").exists()


@pytest.mark.parametrize("name", ["rollout-hooks", "rollout-fixtures", "rollout-last-word"])
def test_row_10_a_part_of_the_plugin_taken_out(project, blocked, name):
    """Half a plugin is none."""
    blocked(project.run("-p", f"no:{name}"), ret=4, receipt=False)


@pytest.mark.parametrize("how", ["option", "environment", "autoload"])
def test_row_10_the_plugin_taken_out(project, how):
    """`required_plugins` in the project's own file says no; without it there is still no receipt."""
    project.gate("def test_gate():\n    assert True\n", head="import pytest\n")
    env = {
        "option": {},
        "environment": {"PYTEST_ADDOPTS": "-p no:rollout"},
        "autoload": {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    }[how]
    words = ("gates", "-m", "phase1", *(("-p", "no:rollout") if how == "option" else ()))
    project.write("pytest.ini", "[pytest]\nmarkers = phase1\n")

    open_door = project.pytest(*words, env=env)
    project.write("pytest.ini", "[pytest]\nmarkers = phase1\nrequired_plugins = pytest-rollout\n")
    required = project.pytest(*words, env=env)

    assert open_door.ret == 0  # nothing of ours was loaded
    assert open_door.verdict is None
    assert project.rollout("verify", "--phase", "phase1").returncode == 1
    assert required.ret == 4
    assert required.verdict is None


def test_row_10_an_old_receipt_does_not_outlive_a_refused_run(project, blocked):
    """Yesterday's PROCEED is gone before anything can be refused."""
    project.run().proceeds()

    result = project.run(env={"PYTEST_ADDOPTS": "--rollout-env test"})

    blocked(result, ret=4, receipt=False)
    assert result.verdict is None


def test_row_10_a_root_folder_below_the_plan(project, blocked):
    """A pytest.ini beside the gates moves pytest's root below the plan, and the plan still governs."""
    gate = "import pytest\n\n\n@pytest.mark.phase1\ndef test_gate(metrics):\n    assert metrics('errors') == 1\n"
    project.write("gates/shop/more/test_more.py", gate)
    project.lock()
    project.write("gates/shop/more/pytest.ini", "[pytest]\n")

    result = project.pytest("gates/shop/more", "-m", "phase1", "--rollout-env", "test")

    blocked(result, "failed", "missing")


def test_row_10_pyargs_instead_of_a_path(project):
    """Gates that pytest finds by module name are gates of their plan."""
    project.gate("def test_gate():\n    assert True\n", head="import pytest\n")
    project.write("gates/__init__.py", "")
    project.write("gates/shop/__init__.py", "")
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.lock()

    result = project.pytest("--pyargs", "gates.shop", "-m", "phase1", "--rollout-env", "test")

    assert result.ret != 0
    assert result.verdict is None or result.verdict["decision"] == "HOLD"
