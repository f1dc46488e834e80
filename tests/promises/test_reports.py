"""What a run leaves for people: pages, annotations, properties and messages, each only where it was asked for."""

import http.server
import json
import threading
import xml.etree.ElementTree as ET
from contextlib import contextmanager

import pytest

PLAN_KEY = "reports: {files: [markdown, html]}\n"


@contextmanager
def webhook(status=200):
    """A server on loopback, and what was sent to it."""
    heard = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["content-length"])
            heard.append((self.path, self.headers["content-type"], self.rfile.read(length).decode()))
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.end_headers()

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        server.server_close()


def with_reports(project, key=PLAN_KEY):
    path = project.gates / "rollout.yaml"
    project.write("gates/shop/rollout.yaml", path.read_text("utf-8") + key)
    return project


def test_nothing_is_written_that_nobody_asked_for(project):
    project.run().proceeds()

    assert {path.name for path in (project.folder / ".rollout").iterdir()} == {
        "verdict.json",
        "record.json",
        "evidence.zip",
    }


def test_a_plan_asks_for_pages_and_the_command_makes_the_same_later(project):
    with_reports(project)

    project.run().proceeds()

    out = project.folder / ".rollout"
    page, html = (out / "verdict.md").read_text("utf-8"), (out / "verdict.html").read_text("utf-8")
    assert page.startswith("## 🟢 PROCEED · shop phase1")
    assert "<script" not in html
    for form, written in (("markdown", page), ("html", html)):
        later = project.rollout("report", "gates/shop", "--format", form)
        assert later.returncode == 0, later.stderr
        assert later.stdout == written


def test_a_receipt_that_contradicts_itself_makes_no_page(project):
    project.answers(errors=3)
    project.run()
    path = project.folder / ".rollout" / "verdict.json"
    path.write_text(path.read_text("utf-8").replace('"decision": "HOLD"', '"decision": "PROCEED"', 1), "utf-8")

    made = project.rollout("report", "gates/shop")

    assert made.returncode == 4
    assert "contradicts itself" in made.stderr
    assert made.stdout == ""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_workflow_of_github_gets_a_summary_and_annotations(project, workers):
    project.answers(errors=3)
    summary = project.folder / "summary.md"
    env = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(project.folder)}

    result = project.run(*workers, env=env)

    result.holds("failed")
    assert summary.read_text("utf-8").startswith("## 🟡 HOLD")
    [line] = [each for each in result.stdout.lines if each.startswith("::")]
    assert line.startswith("::warning file=gates/shop/test_phase1.py,line=")
    assert "title=HOLD[failed] shop phase1::The checkout makes no errors. · errors = 3" in line
    assert result.stdout.lines[-1].startswith("VERDICT  HOLD")


def test_a_summary_that_cannot_be_written_changes_nothing(project):
    result = project.run(env={"GITHUB_STEP_SUMMARY": "/nowhere/summary.md"})

    result.proceeds()
    assert "REPORT  GITHUB_STEP_SUMMARY: FileNotFoundError" in result.text


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_every_claim_is_a_property_of_its_test_case(project, workers):
    project.run("--junitxml", "junit.xml", *workers).proceeds()

    cases = ET.parse(project.folder / "junit.xml").getroot().iter("testcase")
    found = {case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")} for case in cases}
    assert found["test_orders_keep_coming"]["claim.1"].startswith("proven: ")
    assert found["test_orders_keep_coming"]["claim.1.value"] == "500.0"
    assert found["latency_ms"]["claim.1.limit"].startswith("≤ 40 ms")


def test_a_message_is_made_and_sent_only_when_somebody_says_where(project):
    project.run().proceeds()

    with webhook() as (url, heard):
        quiet = project.rollout("message", "gates/shop", "checkpoint")
        assert (quiet.returncode, heard) == (0, [])
        sent = project.rollout("message", "gates/shop", "checkpoint", "--post", "${HOOK}/T0P/s3cret", env={"HOOK": url})

    assert sent.returncode == 0, sent.stderr
    [(path, kind, body)] = heard
    assert path == "/T0P/s3cret"
    assert kind == "application/json; charset=utf-8"
    assert json.loads(body) == json.loads(quiet.stdout)
    assert json.loads(body)["decision"] == "PROCEED"


@pytest.mark.parametrize("status", [302, 403, 500])
def test_a_webhook_that_refuses_is_an_error_without_its_secret(project, status):
    project.run().proceeds()

    with webhook(status) as (url, heard):
        sent = project.rollout("message", "gates/shop", "stakeholders", "--post", f"{url}/s3cret")

    assert sent.returncode == 4
    assert sent.stderr.strip() == f"127.0.0.1: the message was not accepted: HTTP {status}"
    assert len(heard) == 1


def test_a_message_about_what_was_not_measured_is_refused(project):
    project.write("gates/shop/mine/mine.md.j2", "\n{{ measured['test_no_errors'].high }}\n{{ measured.speed }}\n")
    with_reports(project, "reports: {templates: mine}\n")
    project.run().proceeds()

    made = project.rollout("message", "gates/shop", "mine")

    assert made.returncode == 4
    assert "mine.md.j2:" in made.stderr
    assert "it was not measured" in made.stderr


@pytest.mark.parametrize("name", ["weekly", "review"])
@pytest.mark.parametrize(
    ("ledger", "why"),
    [
        ("", "environment 'test' names no ledger"),
        ("    ledger: l.sqlite\n", "no earlier run of phase1 in the last DAYS days is in the ledger of 'test'"),
    ],
    ids=["no ledger", "the first run"],
)
def test_a_message_about_runs_that_nobody_remembers(project, name, ledger, why):
    """Whoever asks is told what is missing, and not how to write a template."""
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    project.write("gates/shop/rollout.yaml", plan.replace("  test:\n", f"  test:\n{ledger}"))
    project.run().proceeds()

    made = project.rollout("message", "gates/shop", name)

    days = {"weekly": "seven", "review": "thirty"}[name]
    said = f"no message '{name}' of this run: {why.replace('DAYS', days)}\n"
    assert (made.returncode, made.stdout, made.stderr) == (4, "", said)
