"""Slips of an author: the message says what was found and what would do, and none of them decides otherwise."""

from __future__ import annotations

import pytest

BROKEN_MESSAGES = [
    pytest.param("assert metrics('orders') > 1000, f\"only {metrics('orders'):.2f}\"", id="format"),
    pytest.param("assert metrics('orders') > 1000, (\n        'ä' + missing\n    )", id="lines"),
    pytest.param("assert metrics('orders') > 1000, 'ä' * (1 / 0)", id="one-line"),
    pytest.param("enough = metrics('orders') > 1000\n    assert enough, missing", id="named"),
    pytest.param("assert metrics('orders') > 1000, 'x' if metrics('errors') > 1 else 'y'", id="doubt"),
]


def gate(project, body):
    project.gate(f"@pytest.mark.rollback\ndef test_gate(metrics, budget):\n    {body}\n", head="import pytest\n")
    project.answers(errors=[], bad=1, requests=1000)
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    share = "  failed: {unit: '%', better: lower, source: telemetry, ratio: {of: bad, over: requests}}\n"
    project.write("gates/shop/rollout.yaml", plan.replace("metrics:\n", f"metrics:\n{share}", 1))
    return project.run()


@pytest.mark.parametrize("body", BROKEN_MESSAGES)
def test_a_message_that_cannot_be_made_hides_no_trigger(project, body):
    """The assert has failed when its message is made: orders are known to be too few, and that takes it back."""
    result = gate(project, body)

    result.holds("trigger", exit_code=20)
    assert "orders = 500 /h   limit > 1 000 /h" in result.text


@pytest.mark.parametrize(
    "body",
    [
        "assert metrics('orders') > 1000 or missing, 'x'",
        "missing if not metrics('orders') > 1000 else None",
        "assert metrics('orders') > 100, 'x'\n    assert missing",
    ],
)
def test_what_breaks_elsewhere_is_no_trigger(project, body):
    """Nobody has judged yet."""
    gate(project, body).holds("error")


BESIDE_DOUBT = [
    pytest.param("errors = metrics('errors')\n    assert 1 + 1 == 3\n    assert errors < 1", id="unknown"),
    pytest.param("few = metrics('errors') < 1\n    assert 1 + 1 == 3\n    assert few", id="claim"),
    pytest.param("few = metrics('errors') < 1\n    assert bool(0) is True\n    assert few", id="identity"),
]


@pytest.mark.parametrize("body", BESIDE_DOUBT)
def test_a_plain_assert_that_fails_beside_a_doubt_takes_the_release_back(project, body):
    """It has shown what it says, whatever else is not known."""
    gate(project, body).holds("trigger", exit_code=20)


SLIPS = [
    ("assert (metrics('orders') > 100) == True", "a claim is never equal to True: write `assert orders > 100`"),
    ("assert True == (metrics('orders') > 100)", "a claim is never equal to True: write `assert orders > 100`"),
    ("assert (metrics('orders') > 1000) == False", "a claim is never equal to False: write `assert orders <= 1000`"),
    ("assert (metrics('orders') > 100) is True", "a claim is never `is True`: write `assert orders > 100`"),
    ("assert (metrics('orders') > 1000) is True", "a claim is never `is True`: write `assert orders > 1000`"),
    ("assert True is (metrics('errors') > 1)", "a claim is never `is True`: write `assert errors > 1`"),
    ("assert (metrics('orders') > 1000) is False", "a claim is never `is False`: write `assert orders <= 1000`"),
    ("enough = metrics('orders') > 100\n    assert enough is True", "never `is True`: write `assert orders > 100`"),
    ("assert metrics('errors').value > 1", "errors is unknown (telemetry answered, and the result is empty)"),
    ("assert (metrics('errors') > 1).truth == 'proven'", "`errors > 1` is inconclusive, and no assert asked it"),
    ("assert metrics('orders' > '5')", "metrics takes a name, not True: does a bracket close too late?"),
    ("assert metrics.orders > 100", "the name stands in a call: write `metrics('orders')`"),
    ("assert metrics.order > 100", "the name stands in a call: write `metrics('order')`"),
    ("assert metrics('latency_ms') in budget.latency_ms", "the name stands in a call: write `budget('latency_ms')`"),
    (
        "assert metrics('latency_ms') < '400'",
        "latency_ms is compared with '400', which has no unit: write '400 ms', or the number without quotes",
    ),
    ("assert metrics('latency_ms') < budget('latency_ms')", "write `assert latency_ms in budget(…)`"),
    ("assert metrics('orders').over('1h').avg > 1", "did you mean '.mean'?"),
    ("assert metrics('orders').over('1h').p99 > 1", "did you mean '.p(99)'?"),
    ("assert (metrics('orders') / 2).over('1h').max > 1", "take the window first, as in metrics('x').over('24h')"),
    (
        "assert metrics('failed').over('1h').max < 1",
        "failed has no window: `.over()` is for metrics that are one number",
    ),
    ("assert metrics('orders').over('1h').total > 1", "it has .max, .min, .last, .p(99), .mean"),
    ("assert check(True, 'x')", "write `from pytest_rollout import check` at the top of the file"),
    ("assert flags.on('x')", "it is a fixture: name it among the gate's arguments, as in `def test_…(flags):`"),
]


@pytest.mark.parametrize(("body", "said"), SLIPS)
def test_a_slip_is_answered_with_what_is_meant(project, body, said):
    """In the author's words, at the author's line; a gate that takes the release back does not by a slip."""
    result = gate(project, body)

    result.holds("error")
    words = " ".join(result.text.split())
    assert said in words
    assert "at test_phase1.py:" in words


PLAIN_FAILURES = [
    "assert metrics('orders') > 100\n    assert {'ok': False}['ok'] is True",
    "enough, answer = metrics('orders') > 100, {'ok': False}\n    assert answer['ok'] is True\n    assert enough",
    "assert metrics('orders') > 100\n    empty = None\n    assert empty is not None",
    "assert metrics('orders') > 100\n    done = False\n    assert done is True",
]


@pytest.mark.parametrize("body", PLAIN_FAILURES)
def test_a_plain_fact_that_is_compared_by_is_stays_one(project, body):
    """What a service answered is no claim; that it is not so takes the release back."""
    gate(project, body).holds("trigger", exit_code=20)


def test_a_misspelt_fixture_is_guessed(project):
    project.gate("def test_gate(metric):\n    assert metric('orders') > 1\n")

    result = project.run()

    result.holds("error")
    assert "there is no fixture 'metric'\n  did you mean 'metrics'?" in result.text
