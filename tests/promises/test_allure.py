"""What an Allure report is told of a run, and that nothing in it changes a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WITH_ALLURE = ("-p", "allure_pytest", "--alluredir", "results")


def results(project, folder="results"):
    """Every result by its title."""
    found = [json.loads(path.read_text("utf-8")) for path in Path(project.folder, folder).glob("*-result.json")]
    return {each["name"]: each for each in found}


def labels(result):
    return {each["name"]: each["value"] for each in result["labels"] if each["name"] != "tag"}


def test_a_healthy_run(project):
    """Each gate with its claims as steps, in suites of the rollout and its phase; and the verdict."""
    project.run(*WITH_ALLURE).proceeds()
    found = results(project)

    assert {name: each["status"] for name, each in found.items()} == {
        "P99 latency": "passed",
        "The checkout makes no errors.": "passed",
        "Orders do not collapse.": "passed",
        "VERDICT PROCEED: shop phase1": "passed",
    }
    gate = found["P99 latency"]
    expected = {"epic": "A new checkout", "feature": "phase1: Canary", "owner": "checkout-team", "severity": "critical"}
    assert expected.items() <= labels(gate).items()
    (step,) = gate["steps"]
    assert step["name"] == "latency_ms = 25 ms limit ≤ 40 ms (warning)"
    assert {each["name"]: each["value"] for each in step["parameters"]}["value"] == "25 ms"
    assert all(each["excluded"] for each in step["parameters"])
    assert [each["name"] for each in step["attachments"]] == [
        "Bounds against the limit",
        "Numbers",
        "Question and answer",
    ]
    assert all(Path(project.folder, "results", each["source"]).stat().st_size for each in step["attachments"])
    (told,) = Path(project.folder, "results").glob("*-globals.json")
    assert [each["name"] for each in json.loads(told.read_text())["attachments"]] == ["Verdict", "verdict.json"]
    assert "Verdict=PROCEED" in Path(project.folder, "results", "environment.properties").read_text()


def test_what_holds_and_what_rolls_back(project):
    """Yellow and red, with the reason first; what would change it; gates that never ran are there, and in no doubt."""
    project.answers(latency=50, orders=50, errors=None)
    project.lock()
    left_out = ("--deselect", "gates/shop/test_phase1.py::test_no_errors")
    project.run(*WITH_ALLURE, *left_out, lock=False).holds("warning", "trigger", "deselected", exit_code=20)
    found = results(project)

    messages = {name: each["statusDetails"]["message"].partition("\n")[0] for name, each in found.items()}
    assert messages["P99 latency"].startswith("HOLD[warning] latency_ms = 50 ms")
    assert messages["Orders do not collapse."].startswith("ROLLBACK[trigger] orders = 50 /h")
    assert messages["The checkout makes no errors."].startswith("HOLD[deselected]")
    assert messages["VERDICT ROLLBACK: shop phase1"].startswith("VERDICT ROLLBACK[")
    assert [found[name]["status"] for name in sorted(found)] == ["failed", "broken", "broken", "failed"]
    assert found["P99 latency"]["attachments"][0]["name"] == "What would change the answer"


def test_links_of_the_plan_are_links_of_each_gate(project):
    """Beside the runbook: a tracker's issue is one to Allure, and everything else a link."""
    addresses = {"dashboard": "https://grafana.example.org/d/shop?from=now-1h", "issue": "https://x.org/SHOP-12"}
    plan = project.gates / "rollout.yaml"
    plan.write_text(f"{plan.read_text('utf-8')}reports: {{links: {json.dumps(addresses)}}}\n")
    project.run(*WITH_ALLURE).proceeds()
    links = {each["name"]: (each["type"], each["url"]) for each in results(project)["P99 latency"]["links"]}

    assert links == {
        "runbook": ("link", "docs/runbook.md"),
        "dashboard": ("link", addresses["dashboard"]),
        "issue": ("issue", addresses["issue"]),
    }


def test_a_gate_in_shadow_is_neither_good_nor_bad(project):
    """It is shown, and no reader counts it against a release that proceeds."""
    shadow = '@pytest.mark.shadow(until="2099-01-01", why="a guess")'
    project.gate(f"{shadow}\ndef test_many(metrics):\n    assert metrics('orders') > 1000\n")

    project.run(*WITH_ALLURE).proceeds()

    assert results(project)["many"]["status"] == "skipped"
    assert results(project)["many"]["statusDetails"]["message"].startswith("IN SHADOW HOLD[failed]")


def test_workers_leave_the_same_results(project):
    """And one verdict, one environment and one executor, from the controller."""
    project.answers(latency=70)
    project.run(*WITH_ALLURE).holds("critical", exit_code=20)
    project.run("-p", "allure_pytest", "--alluredir", "many", "-n", "2", lock=False).holds("critical", exit_code=20)

    def told(found):
        return {
            name: (each["status"], each["historyId"], len(each["steps"]))
            for name, each in found.items()
            if "steps" in each
        }

    assert told(results(project)) == told(results(project, "many"))
    assert len([*Path(project.folder, "many").glob("*-globals.json")]) == 1


def test_history_is_kept_when_values_change_and_not_shared_by_phases(project):
    """A measured value is no part of a gate's identity."""
    project.run(*WITH_ALLURE).proceeds()
    project.answers(latency=31)
    project.run("-p", "allure_pytest", "--alluredir", "later", lock=False).proceeds()

    before, after = results(project), results(project, "later")
    assert {name: each["historyId"] for name, each in before.items()} == {
        name: each["historyId"] for name, each in after.items()
    }
    assert len({each["historyId"] for each in before.values()}) == len(before)


@pytest.mark.parametrize(
    "broken",
    [
        "import pytest_rollout.reports.allure as allure\nallure.message_of = None",
        "import pytest_rollout.reports.allure_run as allure\nallure.executor_of = None",
    ],
)
@pytest.mark.parametrize(("latency", "exit_code"), [(25, 0), (70, 20)])
def test_a_report_that_breaks_changes_neither_verdict_nor_exit_code(project, broken, latency, exit_code):
    """It is one line before the last."""
    project.answers(latency=latency)
    project.write("conftest.py", broken + "\n")

    done = project.run(*WITH_ALLURE)

    assert done.ret == exit_code == done.verdict["exit_code"]
    assert any(line.startswith("REPORT ") for line in done.stdout.lines)
