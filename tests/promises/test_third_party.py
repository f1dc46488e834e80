"""Kinds of sources and flags that other plugins add: named in a plan like any other."""

import pytest

CONFTEST = """
from pytest_rollout import hookimpl
from pytest_rollout.sources.protocol import Answer, FlagKind, Option, Sample, SourceKind


class Constant:
    def __init__(self, number):
        self.number = number

    def ask(self, question):
        return Answer(samples=(Sample(self.number, question.at),))


class Off:
    def read(self, at, timeout_seconds):
        return {"checkout.on": False}


NUMBER = (Option("number", "the number", required=True),)
KIND = SourceKind("constant", "the same always", NUMBER, lambda options, folder: Constant(float(options["number"])))


@hookimpl
def pytest_rollout_sources():
    return [KIND]


def pytest_rollout_flags():
    return [FlagKind("off", "all is off", (), lambda options, folder: Off())]
"""


@pytest.fixture
def shop(project):
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    plan = plan.replace(
        "    sources:\n", "    flags: {kind: off}\n    sources:\n      mine: {kind: constant, number: 7}\n"
    )
    plan = plan.replace("metrics:\n", "metrics:\n  seven: {source: mine, query: anything}\n")
    project.write("gates/shop/rollout.yaml", plan)
    project.write("gates/conftest.py", CONFTEST)
    project.gate(
        "def test_it(metrics, flags):\n    assert metrics('seven') == 7\n    assert flags.off('checkout.on')\n"
    )
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_kind_of_ones_own(shop, workers):
    shop.run(*workers).proceeds()


def test_commands_know_it_too(shop):
    """Those that are no run of pytest; and no receipt is lost for it."""
    plan = (shop.gates / "rollout.yaml").read_text("utf-8")
    shop.write("gates/shop/rollout.yaml", plan.replace("  test:\n", "  test:\n    ledger: ledger.sqlite\n"))
    shop.run().proceeds()
    receipt = (shop.folder / ".rollout" / "verdict.json").read_bytes()

    for words in (("history",), ("status",), ("intervention", "a hand"), ("baseline", "record", "--metric", "seven")):
        command, more = words[:2] if words[0] == "baseline" else words[:1], words[2 if words[0] == "baseline" else 1 :]
        done = shop.rollout(*command, "gates/shop", *more, "--rollout-env", "test")
        assert "unknown" not in done.stderr, done.stderr
        assert done.returncode == (1 if words[0] == "baseline" else 0), done.stdout + done.stderr
    assert (shop.folder / ".rollout" / "verdict.json").read_bytes() == receipt


@pytest.mark.parametrize("broken", ["1 / 0\n", CONFTEST.replace("return [KIND]", "return 3")])
def test_a_command_says_what_is_wrong_with_it(shop, broken):
    shop.write("gates/conftest.py", broken)

    done = shop.rollout("history", "gates/shop", "--rollout-env", "test")

    assert done.returncode == 4
    assert "could not load the plugins" in done.stderr or "a plugin's hook broke" in done.stderr


def test_its_options_are_checked(shop):
    plan = (shop.gates / "rollout.yaml").read_text("utf-8")
    shop.write("gates/shop/rollout.yaml", plan.replace("kind: constant, number: 7", "kind: constant, nmber: 7"))

    result = shop.run(lock=False)

    result.is_refused()
    assert "unknown key 'nmber'" in result.text
    assert "did you mean 'number'?" in result.text


@pytest.mark.parametrize(
    ("hook", "text"),
    [
        ("return [KIND, KIND]", "a kind 'constant' is there already"),
        ("return ['constant']", "a plugin's hook returns kinds, not 'constant'"),
        ("return 3", "a plugin's hook broke: TypeError"),
        ("raise OSError('no')", "a plugin's hook broke: OSError: no"),
    ],
)
def test_a_hook_that_is_wrong_is_a_usage_error(shop, hook, text):
    """A source that silently is not there would be a gate that is not judged."""
    shop.write("gates/conftest.py", CONFTEST.replace("return [KIND]", hook))

    result = shop.run(lock=False)

    result.is_refused()
    assert text in result.text
