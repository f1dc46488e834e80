"""Reports of real runs by the real Allure tools, looked at in a real browser."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from support.chromium import running
from support.servers import need

from pytest_rollout.reports.allure_html import INSTALL, TOOLS, VERSIONS, build

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "allure-report" / "screenshots"
"""Where pictures of what was seen are left for people to look at."""

PLAN = """
rollout: shop
title: A new checkout
owner: checkout-team
runbook: docs/runbook.md
metrics:
  latency_ms: {title: P99 latency, unit: ms, better: lower, source: telemetry, query: latency}
  errors: {title: Errors, unit: 1/h, better: lower, source: telemetry, query: errors}
  orders: {title: Orders, unit: 1/h, better: higher, source: telemetry, query: orders}
budgets:
  latency_ms: {phases: [phase1], warning: 40 ms, critical: {limit: 60 ms, action: turn the flag off, runbook: "#slow"}}
phases:
  phase1: {title: Canary}
environments:
  test:
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""

GATES = '''
"""May the checkout stay on for one per cent?"""
import pytest

pytestmark = pytest.mark.phase1


@pytest.mark.gate(severity="blocker")
def test_no_errors(metrics):
    """No <img src=x onerror="window.entered=1"> errors, `ever` | *not one*.

    <script>window.entered = 1</script> An error is *money*.
    """
    assert metrics("errors") == 0


@pytest.mark.rollback
def test_orders_keep_coming(metrics):
    """Orders do not collapse."""
    assert metrics("orders") > 100


@pytest.mark.shadow(until="2099-01-01", why="the limit is a guess")
def test_many_orders(metrics):
    """Very many people order."""
    assert metrics("orders") > 1000
'''

HEALTHY = {"latency": 25, "errors": 0, "orders": 500}
HOLDING = {"latency": 50, "errors": None, "orders": 500}
ROLLING_BACK = {"latency": 70, "errors": 0, "orders": 50}


@dataclass(frozen=True)
class Reports:
    """A project, the results of its runs, and where their pages are served."""

    folder: Path
    url: str

    def run(self, name, answers, *words):
        """One run, with its results in a folder of its own; its exit code."""
        (self.folder / "gates" / "shop" / "answers.yaml").write_text(json.dumps(answers))
        asked = ["gates", "-m", "phase1", "--rollout-env", "test", "--alluredir", str(self.folder / name), *words]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "ROLLOUT_"))}
        command = [sys.executable, "-m", "pytest", "-p", "no:randomly", *asked]
        done = subprocess.run(
            command, cwd=self.folder, env=clean, capture_output=True, text=True, timeout=120, check=False
        )
        assert "Allure report is not whole" not in done.stdout
        assert "REPORT" not in done.stdout, done.stdout
        return done.returncode

    def page(self, name, results, allure):
        """A page of a folder of results, served on loopback."""
        build(self.folder / results, self.folder / "pages" / name, allure=allure)
        return f"{self.url}/{name}/index.html"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, *_):
        """Nothing."""

    def do_GET(self):
        """A file; browsers ask for an icon that nobody has."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser."""
    binary = need("chromium", package="chromium")
    with running(binary, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Three runs: one healthy, one that holds, and one that rolls back, on two workers."""
    need("java", package="default-jre-headless")
    need("node", package="nodejs")
    if not (TOOLS / "node_modules" / "allure").is_dir():
        line = f"no Allure here: {INSTALL.format(tools=TOOLS, versions=' '.join(VERSIONS))}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(line)
    folder = tmp_path_factory.mktemp("reports")
    gates = folder / "gates" / "shop"
    gates.mkdir(parents=True)
    (gates / "rollout.yaml").write_text(PLAN)
    (gates / "test_phase1.py").write_text(GATES)
    (gates / "answers.yaml").write_text(json.dumps(HEALTHY))
    (folder / "pytest.ini").write_text("[pytest]\nstrict_markers = true\n")
    (folder / "pages").mkdir()
    lock = [sys.executable, "-m", "pytest_rollout.cli", "lock", "gates"]
    subprocess.run(lock, cwd=folder, check=True, capture_output=True, timeout=60)
    handler = partial(Quiet, directory=str(folder / "pages"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = Reports(folder, f"http://127.0.0.1:{server.server_port}")
        assert found.run("healthy", HEALTHY) == 0
        assert found.run("holding", HOLDING) == 1
        assert (
            found.run("back", ROLLING_BACK, "-n", "2", "--deselect", "gates/shop/test_phase1.py::test_no_errors") == 20
        )
        shutil.rmtree(PICTURES, ignore_errors=True)
        PICTURES.mkdir(parents=True)
        yield found
        server.shutdown()


def stayed_here(page, reports):
    """Nothing was asked of anybody but the loopback server, nothing complained, and no text became code."""
    elsewhere = [url[:200] for url in page.requests if not url.startswith((reports.url, "data:", "blob:"))]

    assert page.requests
    assert elsewhere == []
    assert page.complaints == []
    assert page.value("window.entered") is None


def test_allure_2_after_a_healthy_run_and_a_rollback(reports, chromium):
    """What was decided and why stands on the first page; every gate has its claims, their numbers and pictures."""
    reports.page("two", "healthy", 2)
    url, page = reports.page("two", "back", 2), chromium.page()

    page.go(url)
    page.shows("VERDICT ROLLBACK[critical, trigger]", "A new checkout", "ROLLBACK critical", "HOLD deselected")
    page.shows("not in CI", "environment", "exit code")
    text = page.text()
    assert "Test defects" not in text
    assert "Product defects" not in text
    assert "There is nothing to show" not in text  # the trend knows the healthy run
    page.picture(PICTURES / "allure-2-overview.png")

    page.go(f"{url}#suites")
    page.shows("Marks:")  # the first page, which names the rollout too, is gone
    for step in ("A new checkout", "Canary", "rollout.yaml", "P99 latency"):
        page.click(step)
    page.shows("ROLLBACK[critical]", "checkout-team", "runbook: slow", "What would change the answer", "3 attachments")
    page.click("latency_ms = 70 ms", within=".step__name")
    page.shows("refuted", "≤ 60 ms (critical)", "Numbers", "Question and answer")
    page.click("Bounds against the limit")
    page.until("[...document.images].some(image => image.naturalWidth > 400)")
    page.picture(PICTURES / "allure-2-gate.png", width=1440, height=1000)
    stayed_here(page, reports)


def test_allure_3_after_a_healthy_run_and_a_hold(reports, chromium):
    """The same in the newer Allure; text that others wrote stays text, and a source without an answer is yellow."""
    reports.page("three", "healthy", 3)
    url, page = reports.page("three", "holding", 3), chromium.page()

    page.go(url)
    page.shows("HOLD · shop phase1", "HOLD[no-data, warning]", "Canary", "VERDICT HOLD", "Global Attachments")
    page.shows("Very many people order", 'No <img src=x onerror="window.entered=1"> errors, `ever` | *not one*.')
    page.picture(PICTURES / "allure-3-overview.png", height=1000)
    page.click("Categories")
    page.shows("HOLD no-data: a source gave no number", "In shadow: reports, cannot block", "The verdict itself")

    page.click("Results")
    page.click("No <img src=x")
    page.shows("HOLD[no-data]", "telemetry answered, and the result is empty", "inconclusive", "blocker")
    page.shows("<script>window.entered = 1</script> An error is *money*.", "Bounds against the limit")
    page.picture(PICTURES / "allure-3-gate.png", height=1300)
    stayed_here(page, reports)
