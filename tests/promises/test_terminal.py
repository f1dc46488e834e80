"""What stands on the screen: readable at 80 columns and at 160, without colour, and in nobody else's hands."""

from __future__ import annotations

import re

import pytest
from support.screen import on_a_terminal

ANSI = re.compile("\x1b\\[[0-9;]*m")
ESCAPE = "\x1b"
FIRST = "rollout: shop phase1 · environment test · *"
LAST = "VERDICT  HOLD?failed?  shop phase1 · environment test · exit 1"


@pytest.fixture
def long_query(project):
    """The project with a query and a title that are longer than a line."""
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    query = " ".join(f"column_{number}" for number in range(30))
    title = "How long a checkout takes at the ninety-ninth percentile for everyone who bought anything at all today"
    project.write(
        "gates/shop/rollout.yaml", plan.replace("query: latency", f"query: {query}").replace("P99 latency", title)
    )
    project.answers(errors=2, **{query: 45})
    return project


@pytest.mark.parametrize("columns", [80, 160])
def test_the_screen_is_as_wide_as_it_is(long_query, columns):
    """No line of the report is wider, whatever it has to say; the verdict stands in one line, twice."""
    result = long_query.run(env={"COLUMNS": str(columns)})

    result.holds("failed", "warning")
    start = next(number for number, line in enumerate(result.stdout.lines) if line.startswith("VERDICT"))
    assert result.stdout.lines[start] == result.stdout.lines[-1]
    assert [line for line in result.stdout.lines[start + 1 : -1] if len(line) > columns] == []
    table = [line.split() for line in result.stdout.lines[start + 3 : start + 7]]
    assert table[0] == ["decision", "gate", "seen", "limit"]
    assert [row[0] for row in table[1:]] == ["HOLD[warning]", "HOLD[failed]", "PROCEED"]


@pytest.mark.parametrize(("columns", "lines"), [(80, 2), (160, 1)])
def test_a_narrow_screen_gets_the_verdict_in_whole_words(project, columns, lines):
    """A person's screen would cut it anywhere; what is piped stays one line."""
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    name = "the-second-region-with-a-long-name"
    project.write("gates/shop/rollout.yaml", plan.replace("  test:", f"  {name}:"))
    project.answers(errors=2)
    project.lock()

    seen = on_a_terminal(project, "--rollout-env", name, columns=columns)

    shown = [ANSI.sub("", line) for line in seen.splitlines()]
    starts = [number for number, line in enumerate(shown) if line.startswith("VERDICT")]
    assert len(starts) == 2
    whole = f"VERDICT  HOLD[failed]  shop phase1 · environment {name} · exit 1"
    for start in starts:
        verdict = shown[start : start + lines]
        assert " ".join(line.strip() for line in verdict) == whole
        assert all(len(line) <= columns for line in verdict)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_first_and_last_line_say_it_all(project, workers):
    """Rollout, phase, environment, decision, exit code; no colour where no terminal is."""
    project.answers(errors=2)

    result = project.run(*workers)

    result.stdout.fnmatch_lines([FIRST])
    assert result.stdout.lines[-1] == LAST.replace("?failed?", "[failed]")
    assert ESCAPE not in result.text


def test_colour_when_it_is_wanted(project):
    """Yellow for a HOLD; the last line stays plain, for those who cut it out of a log."""
    project.answers(errors=2)

    result = project.run("--color=yes")

    assert any(f"{ESCAPE}[33m" in line and "HOLD[failed]" in line for line in result.stdout.lines)
    assert ESCAPE not in result.stdout.lines[-1]


@pytest.mark.parametrize("words", [(), ("-v",), ("-n", "2", "-v"), ("--tb=short", "-rA")], ids=" ".join)
def test_nothing_foreign_reaches_the_screen_raw(project, words):
    """A server's words, a docstring, a flag and a parameter may hold what colours, moves or reverses a screen."""
    project.gate(
        """
        @pytest.mark.parametrize("name", ["\\x1b[31mred"])
        def test_errors(metrics, name):
            \"\"\"\\x1b[31mErrors\\u202e are \\x07rare.\"\"\"
            assert metrics("errors") == 0


        def test_fact():
            assert check(False, "says \\x1b[2J\\u202e")
        """
    )
    project.answers(latency={"error": "\x1b[31mdown\u202e\x07"}, errors={"error": "\x1b[2J\x9b31m"})

    result = project.run(*words)

    result.holds("no-data", "failed")
    assert not set(result.text) & set("\x1b\x07\x9b\u202e\x00")


def test_quiet_is_short_and_verbose_is_whole(long_query):
    """`-q` drops the table and what is well; `-v` adds what is well and the whole query."""
    quiet = long_query.run("-q").text
    usual = long_query.run(lock=False).text
    verbose = long_query.run("-v", lock=False).text

    assert len(quiet.splitlines()) < len(usual.splitlines()) < len(verbose.splitlines())
    assert "orders_keep_coming" not in quiet
    assert "column_29" not in usual.replace("\n", " ")
    assert "column_29" in verbose
    for text in (quiet, usual, verbose):
        assert "latency_ms = 45 ms" in text
        assert "runbook: docs/runbook.md" in text
        assert "owner: checkout-team" in text


def test_what_to_do_stands_beside_what_was_seen(project):
    """Value, limit, where it comes from, what to do, who answers."""
    project.answers(latency=65)

    result = project.run()

    result.stdout.fnmatch_lines(
        [
            "ROLLBACK?critical? rollout.yaml::phase1::latency_ms",
            "  P99 latency",
            "  latency_ms = 65 ms   limit ≤ 60 ms (critical)",
            "  telemetry, as of * UTC",
            "  action: turn the flag off",
            "  runbook: docs/runbook.md",
            "  owner: checkout-team",
        ],
        consecutive=True,
    )


STAGED = """
rollout: shop
percentage: served
metrics:
  served: {title: Served, unit: "%", better: higher, source: telemetry, query: served}
  test_time: {title: Time of a test, unit: ms, better: lower, source: telemetry, query: latency}
  errors: {title: Errors, unit: 1/h, better: lower, source: telemetry, query: errors}
  orders: {title: Orders, unit: 1/h, better: higher, source: telemetry, query: orders}
budgets:
  test_time: {phases: [phase1], warning: 40 ms, critical: {limit: 60 ms, to: 0 %}}
phases:
  phase1: {title: Canary, traffic: 10 %}
environments:
  test:
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""


@pytest.fixture
def staged(project):
    """A plan that knows how much traffic is served, and a metric that is called like a test."""
    project.write("gates/shop/rollout.yaml", STAGED)
    return project


def test_a_rollback_says_where_the_traffic_goes(staged):
    """On the second line, before everything else."""
    staged.answers(latency=65, served=10)

    lines = staged.run().stdout.lines

    first = next(place for place, line in enumerate(lines) if line.startswith("VERDICT  ROLLBACK"))
    assert lines[first + 1] == "  take shop back to 0 % of traffic, from 10 %"


def test_a_line_of_a_plan_is_called_as_its_metric_is(staged):
    """`test_` is cut from functions, which all begin so; a metric of that name keeps it."""
    staged.answers(served=10)

    text = staged.run().text

    assert "test_time  " in text
    assert "test_no_errors" not in text.partition("shop phase1: ")[2]


def test_gates_that_gave_no_answer_are_one_trouble(project):
    """A file that cannot be collected keeps all others from running: that is said once, and not once a gate."""
    more = "import pytest\n\n\n@pytest.mark.phase1\ndef test_more(metrics):\n    assert metrics('orders') > 1\n"
    project.write("gates/shop/test_more.py", more)
    project.lock()
    project.gate("def test_errors(metrics:\n    pass\n")

    result = project.run(lock=False)

    result.holds("missing", "error", "failed", exit_code=2)
    result.stdout.fnmatch_lines(["HOLD?missing? 2 gates, one cause", "  was collected and gave no answer"])
