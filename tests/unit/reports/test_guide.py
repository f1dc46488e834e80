"""The guide of a plan says what the plan says, and finds its place on a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_rollout import cli
from pytest_rollout.errors import UsageError
from pytest_rollout.plan.load import load_plan
from pytest_rollout.reports.guide import BEGIN, END, guide, placed
from pytest_rollout.sources import FLAG_KINDS, KINDS

DASH = "\N{EN DASH}"
PLAN = """
rollout: shop
percentage: served
metrics:
  served: {title: Served, unit: "%", better: higher, source: telemetry, query: served}
  errors: {title: "Errors | of *everybody*", unit: "%", better: lower, source: telemetry, query: errors}
  orders: {title: Orders, unit: 1/h, better: higher, source: telemetry, query: orders}
  paid: {title: Paid, unit: ms, better: lower, samples: rows.paid_ms}
experiment: {unit: customer, arm: arm, arms: {control: old, treatment: new}}
budgets:
  errors:
    phases: [phase1]
    warning: {limit: 1 %, action: read the log, runbook: "docs/runbook.md#errors"}
    critical: {limit: 2 %, for: 5m, action: read the log, runbook: "docs/runbook.md#errors"}
  orders: {phases: [phase2], warning: {limit: 100 /h, action: call, runbook: "https://x.org/a_b"}}
  paid.p99: {phases: [phase2], against: control, critical: +10 ms}
phases:
  phase1:
    title: One per cent
    traffic: 1 %
    minimum: 36h
    exit: {green: 2d, clean: 3h, approvals: {product: 2, engineering: 1}, statements: {survey: neutral}}
  phase2:
    title: More
    after: [phase1]
    stages:
      - {traffic: 5 %, hold: 7d}
      - {traffic: 50 %, approvals: [product]}
    schedule: [{every: 5m, for: 1h}, {every: 1h}]
    exit: {incidents: sev2, interventions: 0}
    budgets: {errors: {warning: 0.5 %}}
environments:
  test:
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
      rows: {kind: sql, url: "duckdb:///rows.duckdb", table: rows}
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "rollout.yaml").write_text(PLAN)
    (tmp_path / "answers.yaml").write_text("{}")
    return load_plan(tmp_path / "rollout.yaml", kinds=KINDS, flag_kinds=FLAG_KINDS)


def rows(made, table):
    """The cells of one of the tables, heads first."""
    lines = made.split("\n\n")[table].strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if not line.startswith("|---")]


def test_phases(plan):
    heads, one, more = rows(guide(plan), 0)

    assert dict(zip(heads, one, strict=True)) == {
        "phase": "`phase1`",
        "what": "One per cent",
        "traffic": "1 %",
        "after": DASH,
        "at least": "36 h",
        "in a row": "2 green days and 3 clean hours",
        "looked at": DASH,
        "holds for": DASH,
        "said by somebody": "survey: “neutral”",
        "signs": "product (2), engineering",
    }
    told = dict(zip(heads, more, strict=True))
    assert told["traffic"] == "5 % for 7 d, 50 % (signed by product)"
    assert told["looked at"] == "every 5 min for 1 h, then every 1 h"
    assert told["holds for"] == "an open incident of sev2 or worse, any intervention"


def test_budgets(plan):
    """Rows of one gate stand together, a title is text, and links are relative to the page, but for addresses."""
    heads, *found = rows(guide(plan, Path("docs/shop/index.md")), 1)

    assert heads == ["gate", "what", "phases", "levels", "what to do"]
    assert found == [
        [
            "`errors`",
            r"Errors \| of \*everybody\*",
            "1",
            "warning > 1 %: HOLD; critical > 2 % for 5 min: ROLLBACK",
            "[read the log](../runbook.md#errors)",
        ],
        ["`errors`", r"Errors \| of \*everybody\*", "2", "warning > 0.5 %: HOLD", ""],
        ["`orders`", "Orders", "2", "warning < 100 /h: HOLD", "[call](https://x.org/a_b)"],
        ["`paid.p99`", "Paid: P99 against the control", "2", "critical > 10 ms: ROLLBACK", ""],
    ]


def test_it_replaces_what_stands_between_its_marks():
    page = f"# Shop\n\n{BEGIN}\nold\n{END}\n\nmore\n"

    assert placed(page, Path("x.md"), "| new |\n") == f"# Shop\n\n{BEGIN}\n| new |\n{END}\n\nmore\n"


@pytest.mark.parametrize("page", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_its_place_is_refused(page):
    with pytest.raises(UsageError, match=r"x\.md: it has not one '<!-- guide -->'"):
        placed(page, Path("x.md"), "")


def test_the_command_writes_and_checks(plan, tmp_path, capsys):
    page = tmp_path / "index.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    words = ["guide", str(tmp_path), "--page", str(page)]

    assert cli.main([*words, "--check"]) == 1
    assert "its guide is not what the plan says now" in capsys.readouterr().out
    assert cli.main([*words, "--write"]) == 0
    assert cli.main([*words, "--check"]) == 0
    assert guide(plan, page) in page.read_text()
    assert cli.main(words) == 0
    assert capsys.readouterr().out == guide(plan, page)


def test_the_command_says_what_is_missing(plan, tmp_path, capsys):
    assert cli.main(["guide", str(tmp_path), "--check"]) == 4
    assert cli.main(["guide", str(tmp_path), "--page", str(tmp_path / "no.md"), "--check"]) == 4

    told = capsys.readouterr().err
    assert "name it with --page FILE" in told
    assert "cannot be read" in told
