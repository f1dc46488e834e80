"""Everything at once: the gates' questions are put together, each once, before the first gate."""

from collections import Counter

import pytest
from support.screen import on_a_terminal

GATES = """
def helper(metrics):
    return metrics("orders")


def test_errors(metrics):
    assert metrics("errors") == 0


def test_errors_again(metrics):
    assert metrics("errors") < 1


def test_window(metrics):
    assert metrics("errors").over("10m").max < 1


def test_orders(metrics):
    assert helper(metrics) > 100


def test_computed(metrics):
    assert metrics("lat" + "ency_ms") < 40
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_each_question_is_asked_once(project, workers):
    """By plan lines, by gates, by windows; with workers too. A name that is computed is asked when it is needed."""
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    project.write("gates/shop/rollout.yaml", plan.replace("answers: answers.yaml", "answers: answers.yaml, log: asked"))
    project.gate(GATES)

    result = project.run(*workers)

    result.proceeds()
    asked = Counter((project.gates / "asked").read_text("utf-8").split())
    assert asked == {"errors": 2, "orders": 1, "latency": 1}  # errors once as it is, and once over ten minutes


def test_slow_sources_are_asked_side_by_side(project):
    """Sixteen that hang for their whole time limit make one run of about that time, not sixteen."""
    metrics = "\n".join(f"  m{i}: {{better: lower, source: telemetry, query: q{i}}}" for i in range(16))
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    project.write("gates/shop/rollout.yaml", plan.replace("metrics:\n", f"metrics:\n{metrics}\n"))
    project.gate("".join(f"def test_{i}(metrics):\n    assert metrics('m{i}') == 0\n\n\n" for i in range(16)))
    project.answers(**{f"q{i}": {"hang": "2s"} for i in range(16)})

    result = project.run("--durations=0", "--durations-min=1")

    result.holds("no-data")
    result.stdout.no_re_match_line(r"\d+\.\d+s call .*")  # no gate waited itself


def test_a_dead_source_still_costs_one_gate_only(project):
    """Asking ahead changes no verdict: who needs the dead one holds, nobody else."""
    project.answers(errors={"error": "connection refused"})

    result = project.run()

    result.holds("no-data")
    [gate] = [each for each in result.verdict["verdicts"][0]["gates"] if each["decision"] != "PROCEED"]
    assert gate["id"].endswith("test_no_errors")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_person_sees_what_is_waited_for(project, workers):
    """After two seconds a terminal says it, whoever asks; a log is not told."""
    project.answers(latency=25, errors=0, orders={"hang": "5s"})

    seen = on_a_terminal(project, *workers)
    log = project.run(*workers)

    assert "rollout: 2 of 3 answers, waiting for orders (telemetry)" in seen
    assert "waiting for" not in log.text
