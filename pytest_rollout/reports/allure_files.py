"""Allure, the files beside results: environment, executor, and a category for each reason code.

Facts in, documents out; nothing of allure is imported here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pytest_rollout.decisions import MEANING, Decision, Reason
from pytest_rollout.receipt import Run
from pytest_rollout.reports.table import plain

_ROLLBACK = frozenset({Reason.CRITICAL, Reason.TRIGGER})
_NAME = "Rollout gates"
_CI = (
    # what shows that it is this one, its name, its kind for Allure, and variables: build, number, address
    ("GITHUB_ACTIONS", "GitHub Actions", "github", "GITHUB_WORKFLOW", "GITHUB_RUN_NUMBER", ""),
    ("GITLAB_CI", "GitLab CI", "gitlab", "CI_JOB_NAME", "CI_PIPELINE_IID", "CI_JOB_URL"),
    ("JENKINS_URL", "Jenkins", "jenkins", "JOB_NAME", "BUILD_NUMBER", "BUILD_URL"),
    ("BUILDKITE", "Buildkite", "buildkite", "BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_BUILD_URL"),
    ("CIRCLECI", "CircleCI", "circleci", "CIRCLE_JOB", "CIRCLE_BUILD_NUM", "CIRCLE_BUILD_URL"),
    ("TEAMCITY_VERSION", "TeamCity", "teamcity", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER", ""),
    ("BUILD_BUILDID", "Azure Pipelines", "azure", "BUILD_DEFINITIONNAME", "BUILD_BUILDID", ""),
)


def environment_of(run: Run) -> dict[str, str]:
    """What a reader must know of where a report comes from, by name; the verdict is the first of it."""
    git = run.git or {}
    decided = {
        f"Verdict {verdict.rollout} {verdict.phase}": verdict.decision.value
        + (f"[{', '.join(sorted({str(each.code) for each in verdict.reasons}))}]" if verdict.reasons else "")
        for verdict in run.verdict.verdicts
    }
    stages = {
        f"Traffic {verdict.rollout} {verdict.phase}": f"{verdict.traffic.current:g} %"
        for verdict in run.verdict.verdicts
        if verdict.traffic.current is not None
    }
    found = {
        "Verdict": run.verdict.decision.value,
        **(decided if len(decided) != 1 else {"Verdict": next(iter(decided.values()))}),
        "Exit code": str(run.exit_code),
        "Rollout": ", ".join(f"{each.rollout} {each.phase}" for each in run.verdict.verdicts),
        "Environment": run.environment + (" (embedded world, not your system)" if run.embedded else ""),
        "Fault": run.fault,
        "Evaluated": f"{run.evaluated_at:%Y-%m-%d %H:%M:%S} UTC, {run.mode}",
        **stages,
        "Commit": str(git.get("commit") or ""),
        **{f"Version {name}": str(version) for name, version in run.versions.items()},
        "Run": run.run_id,
    }
    return {name: plain(value) for name, value in found.items() if value}


def properties(facts: Mapping[str, str]) -> str:
    """Facts as a Java properties file, in which `:`, `=`, blanks and letters beyond Latin-1 are escaped."""
    return "".join(f"{_escaped(name, key=True)}={_escaped(value)}\n" for name, value in facts.items())


def _escaped(text: str, *, key: bool = False) -> str:
    special = "\\:=#! " if key else "\\"
    shown = "".join(f"\\{each}" if each in special else each for each in text)
    return "".join(each if " " <= each <= "~" else _as_unicode(each) for each in shown)


def _as_unicode(letter: str) -> str:
    """One letter as Java writes it: in 16 bits, two of them beyond the first plane."""
    pairs = letter.encode("utf-16-be")
    return "".join(f"\\u{int.from_bytes(pairs[at : at + 2], 'big'):04x}" for at in range(0, len(pairs), 2))


def executor_of(run: Run, variables: Mapping[str, str]) -> dict[str, object]:
    """Who ran the gates: the CI that its variables show, or a person's machine.

    Args:
        run: How the run ended.
        variables: Those of the process.
    """
    name = f"{_NAME}: {', '.join(f'{each.rollout} {each.phase}' for each in run.verdict.verdicts)}"
    for shown_by, title, kind, build, number, address in _CI:
        if variables.get(shown_by):
            url = variables.get(address, "") if address else _address(kind, variables)
            order = variables.get(number, "")
            return {
                "name": title,
                "type": kind,
                "reportName": plain(name),
                "buildName": plain(f"{variables.get(build, '')} #{order}".strip()),
                **({"buildOrder": int(order)} if order.isdecimal() else {}),
                **({"buildUrl": url} if url.startswith(("https://", "http://")) else {}),
            }
    return {"name": "not in CI", "type": "local", "reportName": plain(name), "buildName": run.run_id}


def _address(kind: str, variables: Mapping[str, str]) -> str:
    if kind != "github":
        return ""
    parts = [variables.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""


def categories(seen: Collection[str] = ()) -> list[dict[str, object]]:
    """A category for each reason code, the worst first; Allure 2 and 3 read the same rules.

    Args:
        seen: Codes of this run: levels of a plan's own are no reasons that are known before.
    """
    levels = sorted({str(each) for each in seen} - {str(each) for each in Reason})
    rules: list[dict[str, object]] = [
        {"name": "The verdict itself", "matchedStatuses": ["failed", "broken"], "messageRegex": "(?s)^VERDICT.*"}
    ]
    rules += [_category(Decision.ROLLBACK, code, MEANING[code]) for code in Reason if code in _ROLLBACK]
    rules += [_category(Decision.ROLLBACK, level, f"proven to be beyond the {level} level") for level in levels]
    rules += [_category(Decision.HOLD, level, f"proven to be beyond the {level} level") for level in levels]
    rules += [_category(Decision.HOLD, code, MEANING[code]) for code in Reason]
    apart = {"matchedStatuses": ["skipped"]}
    rules.append({"name": "In shadow: reports, cannot block", "messageRegex": "(?s)^IN SHADOW.*", **apart})
    rules.append({"name": "Not for this stage", "messageRegex": "(?s)^NOT FOR THIS STAGE.*", **apart})
    return rules


def _category(decision: Decision, code: str, meaning: str) -> dict[str, object]:
    status = "failed" if decision is Decision.ROLLBACK else "broken"
    name = f"{decision.value} {plain(code)}: {plain(meaning)}"
    return {"name": name, "matchedStatuses": [status], "messageRegex": rf"(?s)^{decision.value}\[{_quoted(code)}\].*"}


def _quoted(code: str) -> str:
    """A code as a part of a pattern of Java and of JavaScript."""
    return "".join(each if each.isalnum() or each in "-_" else f"\\{each}" for each in code)


def allurerc(run: Run, rules: list[dict[str, object]]) -> dict[str, object]:
    """What Allure 3 is told: its name, its categories (it does not read `categories.json`), one file, its history."""
    # JavaScript has no `(?s)`, and needs none: it looks for the pattern anywhere.
    known = [
        {**each, "messageRegex": str(each["messageRegex"]).removeprefix("(?s)").removesuffix(".*")} for each in rules
    ]
    title = (
        f"{run.verdict.decision.value} · {', '.join(f'{each.rollout} {each.phase}' for each in run.verdict.verdicts)}"
    )
    return {
        "name": plain(title),
        "historyPath": "./allure-history.jsonl",
        "appendHistory": True,
        "categories": {"rules": known},
        "plugins": {"awesome": {"options": {"singleFile": True, "reportName": plain(title)}}},
    }
