"""What Allure reads beside results, and the page that it makes of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.book import PlannedGate
from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.errors import RolloutError
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.receipt import Run
from pytest_rollout.reports.allure_files import allurerc, categories, environment_of, executor_of, properties
from pytest_rollout.reports.allure_html import build, main, quiet
from pytest_rollout.reports.wording import as_markdown, message_of, status_of, would_change
from pytest_rollout.verdict import Because, RunVerdict, Verdict


def verdict(decision=Decision.HOLD, *codes):
    reasons = tuple(Because(code, "because") for code in codes)
    return Verdict(rollout="shop", phase="p1", decision=decision, reasons=reasons, gates=(), plan_digest="d")


def run(*verdicts, **more):
    facts = {
        "run_id": "r",
        "mode": "live",
        "environment": "production",
        "embedded": False,
        "fault": "",
        "evaluated_at": datetime(2026, 11, 25, tzinfo=UTC),
        "exit_code": 1,
        "verdict": RunVerdict(verdicts=verdicts),
        "versions": {"pytest": "9"},
        "git": {"commit": "abc"},
    }
    return Run(**{**facts, **more})


def gate(decision=Decision.HOLD, reason="stale", **more):
    planned = PlannedGate(id="test_x.py::test_x", nodeid="n", rollout="shop", phases=("p1",), owner="team")
    return GateVerdict(gate=planned, decision=decision, reason=reason, sentence="it is old", **more)


def test_the_verdict_stands_first():
    facts = environment_of(run(verdict(Decision.HOLD, "stale", "approval")))

    assert next(iter(facts.items())) == ("Verdict", "HOLD[approval, stale]")
    assert facts["Environment"] == "production"
    assert facts["Commit"] == "abc"


def test_an_embedded_world_says_so():
    assert "not your system" in environment_of(run(verdict(), embedded=True))["Environment"]


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_properties_are_one_line_each_and_ascii(facts):
    """Whatever is in a name or a value; the rules are those of Java."""
    written = properties(facts)

    assert len(written.splitlines()) == len(facts)
    assert written.isascii()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {"type": "local", "name": "not in CI"}),
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_WORKFLOW": "release",
                "GITHUB_RUN_NUMBER": "7",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "me/it",
                "GITHUB_RUN_ID": "9",
            },
            {"type": "github", "buildOrder": 7, "buildUrl": "https://github.com/me/it/actions/runs/9"},
        ),
        ({"JENKINS_URL": "x", "BUILD_NUMBER": "3", "BUILD_URL": "javascript:x"}, {"type": "jenkins", "buildOrder": 3}),
    ],
)
def test_the_executor_is_the_ci_that_shows_itself(variables, expected):
    found = executor_of(run(verdict()), variables)

    assert expected.items() <= found.items()
    assert not str(found.get("buildUrl", "")).startswith("javascript")


@pytest.mark.parametrize("reason", [*map(str, Reason), "emergency", "a.b(c"])
@pytest.mark.parametrize("decision", [Decision.HOLD, Decision.ROLLBACK])
def test_every_gate_that_is_not_good_is_in_one_category_of_its_reason(decision, reason):
    """Both Allures take the first that fits."""
    if decision is Decision.ROLLBACK and reason in {str(each) for each in Reason} - {"critical", "trigger"}:
        return
    found = gate(decision, reason)
    fitting = [
        rule["name"]
        for rule in categories([reason])
        if status_of(found) in rule["matchedStatuses"] and re.search(rule["messageRegex"], message_of(found))
    ]

    assert fitting[0].startswith(f"{decision.value} {reason}:")
    assert len(fitting) == 1


def test_allure_3_has_patterns_of_javascript():
    rules = allurerc(run(verdict()), categories())["categories"]["rules"]

    assert all(str(rule["messageRegex"]).startswith("^") for rule in rules)
    assert len(rules) == len(categories())


@pytest.mark.parametrize(
    ("found", "status", "begins"),
    [
        (gate(Decision.PROCEED, ""), "passed", ""),
        (gate(Decision.HOLD), "broken", "HOLD[stale] it is old"),
        (gate(Decision.ROLLBACK, "critical"), "failed", "ROLLBACK[critical]"),
        (gate(Decision.ROLLBACK, "critical", counts=False), "skipped", "IN SHADOW ROLLBACK[critical]"),
        (gate(Decision.PROCEED, "", counts=False), "passed", ""),
        (gate(Decision.PROCEED, "", counts=False, applies=False), "skipped", "NOT FOR THIS STAGE"),
    ],
)
def test_a_status_says_what_the_gate_decided(found, status, begins):
    assert status_of(found) == status
    assert message_of(found).startswith(begins)
    assert bool(message_of(found)) == bool(begins)


@pytest.mark.parametrize("reason", [str(each) for each in Reason])
def test_every_reason_says_what_would_change_it(reason):
    told = would_change(gate(Decision.HOLD, reason)).splitlines()

    assert told[0].startswith(f"HOLD[{reason}]: ")
    assert len(told) > 2
    assert told[-1] == "ask: team"


def test_what_would_change_a_refuted_claim_is_its_limit():
    claim = ClaimFacts(text="x", truth=Truth.REFUTED, subject="x = 9", limit="≤ 4", action="turn it off")

    told = would_change(gate(Decision.ROLLBACK, "critical", claims=(claim,)))

    assert "do: turn it off" in told
    assert "proven once the whole interval is within ≤ 4" in told


@given(st.text())
def test_markdown_of_a_text_has_no_markup(text):
    shown = as_markdown(text)

    assert "<" not in shown
    assert not re.search(r"(?<!\\)[`*_\[\]|]", shown)


ANALYTICS = (
    '<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>'
    "<script>window.dataLayer = []; function gtag(){dataLayer.push(arguments);} gtag('js', new Date());</script>"
)


def test_analytics_are_taken_out_and_nothing_else():
    page = quiet(f"<html><head>{ANALYTICS}<script>show()</script></head></html>")

    assert "gtag" not in page
    assert "<script>show()</script>" in page
    assert "Content-Security-Policy" in page


@pytest.mark.parametrize("tag", ['<script src="https://x.y/z.js">', "<img src=//x.y/z>", '<link href="http://x.y/z">'])
def test_a_page_that_still_loads_something_is_refused(tag):
    with pytest.raises(RolloutError, match="newer than pytest-rollout knows"):
        quiet(f"<html><head>{tag}</head></html>")


def test_no_results_are_said(tmp_path):
    with pytest.raises(RolloutError, match="holds no results: run pytest with --alluredir"):
        build(tmp_path, tmp_path / "report")


def test_no_tool_is_said_with_the_line_that_installs_it(tmp_path, capsys):
    (tmp_path / "x-result.json").write_text("{}")

    assert main([str(tmp_path), str(tmp_path / "report"), "--tools", str(tmp_path / "none"), "--allure", "3"]) == 1
    assert "npm install --no-save --no-package-lock" in capsys.readouterr().err
