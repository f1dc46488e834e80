"""Who wants to hear of a verdict hears of it, and can change nothing."""

import json

import pytest

HEARS = """
import json
from pathlib import Path

SEEN = Path(__file__).parent / "seen.json"


def pytest_rollout_verdict(verdict):
    SEEN.write_text(json.dumps([verdict.rollout, verdict.phase, verdict.decision.value, len(verdict.gates)]))


def pytest_rollout_report(record):
    [phase] = record.phases
    told = [
        record.decision.value,
        record.exit_code,
        record.output.name,
        phase.facts.rollout_title,
        phase.facts.phase_title,
        sorted((gate.title, gate.facts.description, gate.facts.line) for gate in record.gates),
        all(gate.facts.seconds > 0 for gate in record.gates),
        (record.output / "verdict.json").is_file(),
    ]
    SEEN.write_text(json.dumps([json.loads(SEEN.read_text()), told]))
"""

GATE = '''
def test_it(metrics):
    """No errors.

    Not one, because
      a customer sees each.
    """
    assert metrics("errors") == 0
'''

BREAKS = """
import os, sys, time, threading
from pathlib import Path
import pytest


def {hook}({facts}):
    {body}
"""

BODIES = {
    "raises": ("raise ValueError('no\\n::error::luck')", "ValueError: no ::error::luck"),
    "exits": ("sys.exit(0)", "SystemExit: 0"),
    "interrupts": ("raise KeyboardInterrupt('stop')", "KeyboardInterrupt: stop"),
    "pytest-exit": ("pytest.exit('enough', returncode=0)", "Exit: enough"),
    "hangs": (
        "import pytest_rollout.telling as t; time.sleep(20 if t.SECONDS < 1 else 0)",
        "did not end within 0.3 s",
    ),
    "writes": ("Path('.rollout/verdict.json').write_text('{}')", "changed verdict.json, which was written back"),
    "removes": ("Path('.rollout/verdict.json').unlink()", "changed verdict.json, which was written back"),
}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_hooks_are_told_once_and_where_the_run_is_judged(project, workers):
    project.write("gates/conftest.py", HEARS)
    project.gate(GATE)

    project.run(*workers).proceeds()

    verdict, told = json.loads((project.gates.parent / "seen.json").read_text("utf-8"))
    assert verdict == ["shop", "phase1", "PROCEED", 2]
    assert told[:5] == ["PROCEED", 0, ".rollout", "A new checkout", "Canary"]
    [gate] = [each for each in told[5] if each[0] == "No errors."]
    assert gate[1] == "Not one, because\n  a customer sees each."
    assert gate[2] > 1
    assert told[6:] == [True, True]


@pytest.mark.parametrize(
    ("hook", "facts"), [("pytest_rollout_verdict", "verdict"), ("pytest_rollout_report", "record")]
)
@pytest.mark.parametrize("fault", BODIES)
def test_a_hook_that_breaks_is_one_line_and_no_more(project, hook, facts, fault):
    """Whatever it does: the code stays, the receipt stays, the last line stays last."""
    body, said = BODIES[fault]
    broken = BREAKS.format(hook=hook, facts=facts, body=body)
    if fault == "hangs":
        broken += "\n\ndef pytest_configure():\n    import pytest_rollout.telling as t\n    t.SECONDS = 0.3\n"
    project.write("gates/conftest.py", broken)

    result = project.run()

    result.proceeds()
    lines = [line for line in result.stdout.lines if line.startswith("REPORT")]
    assert lines == [line for line in lines if said in line]
    assert len(lines) == 1
    assert f"{hook} of " in lines[0]
    assert result.stdout.lines[-1].startswith("VERDICT  PROCEED")


def test_nobody_hears_what_another_has_changed(project):
    """Frozen facts can be changed by force; each hook has its own."""
    force = "object.__setattr__({0}, 'decision', 'CHANGED'); object.__setattr__({0}, '{1}', ())"
    project.write(
        "gates/conftest.py",
        f"def pytest_rollout_verdict(verdict):\n    {force.format('verdict', 'gates')}\n\n"
        f"def pytest_rollout_report(record):\n    {force.format('record', 'phases')}\n",
    )
    project.write("gates/shop/conftest.py", HEARS)

    project.run().proceeds()

    verdict, told = json.loads((project.gates / "seen.json").read_text("utf-8"))
    assert (verdict[2], told[0]) == ("PROCEED", "PROCEED")


@pytest.mark.parametrize(("errors", "code"), [(3, 1), (0, 20)], ids=["hold", "rollback"])
def test_a_broken_hook_makes_no_bad_release_good(project, errors, code):
    project.write("gates/conftest.py", BREAKS.format(hook="pytest_rollout_report", facts="record", body="sys.exit(0)"))
    project.answers(errors=errors, orders=500 if code == 1 else 3)
    project.gate(
        "@pytest.mark.rollback\ndef test_o(metrics):\n    assert metrics('orders') > 100\n\n"
        "def test_e(metrics):\n    assert metrics('errors') == 0\n"
    )

    result = project.run()

    assert result.ret == code
    assert result.verdict["exit_code"] == code
