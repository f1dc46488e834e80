"""Allure, the page: results into one HTML file, by the real Allure tool, that asks nobody anything.

    python -m pytest_rollout.reports.allure_html RESULTS REPORT [--tools DIR] [--allure 2|3]

Allure 2 where there is Java, else Allure 3, both as npm brings them. Both add
scripts that tell an analytics host when somebody opens the page; they are
taken out, and the page is told to load nothing from anywhere. What a report
shows of earlier ones is kept beside it, in `history/`.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pytest_rollout.errors import RolloutError

TOOLS = Path.home() / ".cache" / "pytest-rollout" / "allure"
"""Where `make report` lets npm put the tools."""
VERSIONS = ("allure@3.18.0", "allure-commandline@2.46.1")
INSTALL = "npm install --no-save --no-package-lock --no-audit --no-fund --prefix {tools} {versions}"
PAGE = "index.html"
_SECONDS = 300
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'\">"
)
_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script>", re.DOTALL)
_ANALYTICS = re.compile(r"googletagmanager\.com|google-analytics\.com|\bfunction gtag\(|mc\.yandex\.ru")
_FETCHED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^\"' >]+", re.IGNORECASE)


def build(results: Path, report: Path, *, tools: Path = TOOLS, allure: int = 0) -> Path:
    """One HTML file out of a folder of results.

    Args:
        results: What allure-pytest and this package have left.
        report: The folder for the page and what the next report must know of this one.
        tools: Where npm has put Allure.
        allure: 2 or 3; 0 for 2 where there is Java, else 3.

    Returns:
        The page.

    Raises:
        RolloutError: There are no results, no tool, or the tool did not do it.
    """
    if not any(results.glob("*-result.json")):
        raise RolloutError(f"{results} holds no results: run pytest with --alluredir {results}")
    wanted = allure or (2 if shutil.which("java") else 3)
    report.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rollout-allure-") as scratch:
        make = _allure_2 if wanted == 2 else _allure_3
        page = make(results.absolute(), report.absolute(), tools.absolute(), Path(scratch))
        (report / PAGE).write_text(quiet(page.read_text("utf-8")), encoding="utf-8")
    return report / PAGE


def quiet(page: str) -> str:
    """A page without scripts that tell an analytics host, that may load nothing from anywhere.

    Raises:
        RolloutError: It still loads something: a newer Allure than this knows.
    """
    kept = _SCRIPT.sub(lambda found: "" if _ANALYTICS.search(found[0]) and len(found[0]) < 2_000 else found[0], page)
    left = _FETCHED.search(kept)
    if left:
        raise RolloutError(f"the page would load {left[0][:120]}: this Allure is newer than pytest-rollout knows")
    return kept.replace("<head>", f"<head>{_POLICY}", 1)


def _allure_2(results: Path, report: Path, tools: Path, scratch: Path) -> Path:
    """Twice: the history of a single file stands in no file of its own."""
    tool = _tool(tools, "allure-commandline/bin/allure")
    kept, copy = report / "history" / "allure-2", scratch / "results"
    shutil.copytree(results, copy, ignore=shutil.ignore_patterns("history"))
    if kept.is_dir():
        shutil.copytree(kept, copy / "history")
    _run([str(tool), "generate", "--clean", "-o", str(scratch / "files"), str(copy)], scratch)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(scratch / "files" / "history", kept)
    _run([str(tool), "generate", "--single-file", "--clean", "-o", str(scratch / "one"), str(copy)], scratch)
    return scratch / "one" / PAGE


def _allure_3(results: Path, report: Path, tools: Path, scratch: Path) -> Path:
    tool = _tool(tools, ".bin/allure")
    written = results / "allurerc.json"
    config = json.loads(written.read_text("utf-8")) if written.exists() else {}
    kept = report / "history" / "allure-3.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    options = {"singleFile": True, "reportName": config.get("name", "Rollout gates")}
    config |= {"historyPath": str(kept), "appendHistory": True, "plugins": {"awesome": {"options": options}}}
    (scratch / "allurerc.json").write_text(json.dumps(config), encoding="utf-8")
    words = ["generate", "--config", str(scratch / "allurerc.json"), "--output", str(scratch / "one"), str(results)]
    _run([str(tool), *words], scratch)
    return scratch / "one" / PAGE


def _tool(tools: Path, name: str) -> Path:
    found = tools / "node_modules" / name
    if not found.exists():
        line = INSTALL.format(tools=tools, versions=" ".join(VERSIONS))
        raise RolloutError(f"there is no Allure in {tools}\n  {line}")
    return found


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - a tool of known place, with paths for arguments
            command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RolloutError(f"{command[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-1_000:]
        raise RolloutError(f"{command[0]} ended with {done.returncode}\n  {said}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: prints where the page is, or why there is none."""
    parser = argparse.ArgumentParser(prog="python -m pytest_rollout.reports.allure_html", description=__doc__)
    parser.add_argument("results", type=Path, help="the folder that --alluredir named")
    parser.add_argument("report", type=Path, help="the folder for the page")
    parser.add_argument("--tools", type=Path, default=TOOLS, help="where npm has put Allure")
    parser.add_argument("--allure", type=int, choices=(2, 3), default=0, help="which (2 where there is Java)")
    options = parser.parse_args(arguments)
    try:
        page = build(options.results, options.report, tools=options.tools, allure=options.allure)
    except RolloutError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    print(f"report: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
