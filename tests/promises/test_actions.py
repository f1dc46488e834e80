"""What is done once a verdict is final: with --rollout-act and not without, whole or not at all, and seen to work."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading

import pytest

PLAN = """
rollout: shop
percentage: served
rto: {rto}
metrics:
  served: {{unit: "%", source: telemetry, query: served}}
  errors: {{unit: "%", better: lower, source: telemetry, query: errors}}
budgets:
  errors: {{phases: [phase1], warning: 0.1 %, critical: {{limit: 0.5 %, to: 0 %}}}}
phases:
  phase1: {{title: Canary, stages: [{{traffic: 5 %}}, {{traffic: 10 %}}]}}
  phase2: {{title: Everyone, after: [phase1]}}
{responses}
environments:
  test:
    ledger: ledger.sqlite
    target: "${{SHOP_URL:-http://127.0.0.1:9}}"
    flags: {{kind: file, path: flags.json}}
    sources:
      telemetry: {{kind: memory, answers: answers.yaml}}
"""
BACK = """
on_rollback:
  actions:
    - {kind: flag_file, set: {shop.percentage: '{percentage}', shop.enabled: false}}
  verify:
    - {flag: shop.percentage, is: '{percentage}'}
"""
ON = """
on_proceed:
  actions:
    - {kind: flag_file, set: {shop.percentage: '{percentage}'}}
  verify:
    - {flag: shop.percentage, at_least: '{percentage}'}
"""
FLAGS = '{\n  "shop": {"percentage": 10,\n    "enabled" : true},\n\t"other": "\\u00e9\\"{","last":1.50\n}'
AFTER = FLAGS.replace('"percentage": 10', '"percentage": 0').replace('"enabled" : true', '"enabled" : false')
ILL, WELL = {"served": 10, "errors": 0.7}, {"served": 5, "errors": 0.05}


@pytest.fixture
def shop(project):
    """A rollout with flags in a file; `shop(responses, **answers)` writes its plan and what its source says."""

    def write(responses: str = BACK, rto: str = "30s", **answers: object):
        (project.gates / "test_phase1.py").unlink(missing_ok=True)
        project.write("gates/shop/rollout.yaml", PLAN.format(responses=responses, rto=rto))
        project.write("gates/shop/answers.yaml", json.dumps(answers or ILL))
        (project.gates / "flags.json").write_text(FLAGS, "utf-8")
        return project

    return write


def told(result):
    """What the receipt says was done."""
    (verdict,) = result.verdict["verdicts"]
    return verdict["actions"]


def backups(project):
    return sorted(project.gates.glob("flags.json.*.bak"))


def test_nothing_is_done_unless_it_is_asked_for(shop):
    """Screen and receipt say what would be done; no file changes."""
    project = shop()

    result = project.run()

    assert result.ret == 20
    result.stdout.fnmatch_lines(
        [
            "ON_ROLLBACK  not done (--rollout-act does it) · shop phase1",
            "  sets in the file of flags: shop.percentage = 0, shop.enabled = false",
            "  then shop.percentage is 0",
            "VERDICT  ROLLBACK*exit 20",
        ]
    )
    assert told(result)["state"] == "shown"
    assert (project.gates / "flags.json").read_text("utf-8") == FLAGS
    assert backups(project) == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_file_is_what_the_plan_says_byte_for_byte(shop, workers):
    """Only the named values change; what was there lies beside it; ledger and receipt say how long it took."""
    project = shop()

    result = project.run("--rollout-act", *workers)

    assert result.ret == 20
    assert (project.gates / "flags.json").read_bytes() == AFTER.encode()
    (backup,) = backups(project)
    assert backup.read_bytes() == FLAGS.encode()
    done = told(result)
    assert done["state"] == "done"
    assert done["percentage"] == 0
    assert 0 < done["seconds"] <= done["rto_seconds"] == 30
    (step,) = done["steps"]
    assert step["after"] == hashlib.sha256(AFTER.encode()).hexdigest()
    assert step["backup"] == str(backup)
    assert done["verified"] == [{"text": "shop.percentage is 0", "held": True, "seen": "0"}]
    history = " ".join(project.rollout("history", "gates/shop", "--rollout-env", "test").stdout.split())
    assert "on_rollback to 0 % done in" in history
    assert "back to 0 %: on_rollback of phase1: critical" in history


def test_doing_it_twice_changes_nothing_the_second_time(shop):
    """And leaves no second backup."""
    project = shop()
    project.run("--rollout-act")

    again = project.run("--rollout-act")

    assert told(again)["state"] == "already so"
    assert len(backups(project)) == 1
    assert (project.gates / "flags.json").read_bytes() == AFTER.encode()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        pytest.param(None, "there is no such file", id="no-file"),
        pytest.param(
            '{"shop": {"percentage": 10}}', "there is no flag 'shop.enabled', and none is added", id="no-flag"
        ),
        pytest.param('{"shop": {"percentage": 10', "is not sound JSON", id="cut-off"),
    ],
)
def test_an_action_that_fails_is_loud_and_the_exit_code_stays(shop, flags, said):
    """Nothing of the file changes, the last line says it, and the code is the verdict's."""
    project = shop(rto="1s")
    path = project.gates / "flags.json"
    path.unlink() if flags is None else path.write_text(flags, "utf-8")

    result = project.run("--rollout-act")

    assert result.ret == 20
    result.stdout.fnmatch_lines(["ON_ROLLBACK  FAILED*", "VERDICT  ROLLBACK* · on_rollback FAILED · exit 20"])
    assert said in told(result)["why"]
    assert told(result)["seconds"] is None
    assert not path.exists() if flags is None else path.read_text("utf-8") == flags
    assert backups(project) == []
    assert "of phase1" not in project.rollout("history", "gates/shop", "--rollout-env", "test").stdout


def test_one_that_is_not_seen_to_work_has_failed(shop):
    """The percentage that is served stays what it was: the file alone proves nothing."""
    project = shop(BACK.replace("{flag: shop.percentage", "{metric: served"), rto="1s")

    result = project.run("--rollout-act")

    assert result.ret == 20
    assert told(result)["state"] == "failed"
    assert "it was done, and is not seen to have worked: served is 0 %, not 10 %" in told(result)["why"]
    assert (project.gates / "flags.json").read_bytes() == AFTER.encode()


def test_going_on_needs_a_verdict_that_is_final(shop):
    """PROCEED raises the traffic to the next stage; HOLD, or a failing test beside the gates, does not."""
    project = shop(ON, **WELL)
    (project.gates / "flags.json").write_text(FLAGS.replace("10", "5"), "utf-8")
    result = project.run("--rollout-act")
    assert (result.ret, told(result)["state"], told(result)["percentage"]) == (0, "done", 10)

    for break_it in ("answers", "test"):
        project = shop(ON, **(WELL if break_it == "test" else {"served": 5, "errors": 0.3}))
        (project.gates / "flags.json").write_text(FLAGS.replace("10", "5"), "utf-8")
        if break_it == "test":
            project.write("gates/test_beside.py", "import pytest\n@pytest.mark.phase1\ndef test_x(): assert 0\n")
        result = project.run("--rollout-act")
        assert result.ret == 1
        assert '"percentage": 5' in (project.gates / "flags.json").read_text("utf-8")


def test_a_verdict_that_pytest_cut_short_is_not_final(shop):
    """A trigger fired and then the run was interrupted: its status stands, and nothing is done."""
    project = shop()
    project.write(
        "gates/shop/test_phase1.py",
        "import pytest\npytestmark = pytest.mark.phase1\n\n\ndef test_stop(metrics):\n    pytest.exit('enough', 2)\n",
    )

    result = project.run("--rollout-act", "-p", "no:randomly")

    assert result.ret == 2
    assert (project.gates / "flags.json").read_text("utf-8") == FLAGS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rollout-at", "2026-01-01T00:00Z"), "remove --rollout-at and --rollout-replay"),
        (("--rollout-replay", ".rollout/evidence.zip"), "remove --rollout-at and --rollout-replay"),
        (("-m", "phase1 or phase2"), "acts on one phase of a rollout"),
    ],
    ids=["past", "replay", "two-phases"],
)
def test_what_is_not_now_or_not_one_verdict_is_refused(shop, words, said):
    """Before any gate runs."""
    project = shop()
    project.run()

    result = project.run("--rollout-act", *words)

    result.is_refused()
    assert said in result.text
    assert (project.gates / "flags.json").read_text("utf-8") == FLAGS


def test_a_plan_that_says_nothing_to_do_is_refused(shop):
    project = shop("")
    plan = project.gates / "rollout.yaml"
    plan.write_text(plan.read_text("utf-8").replace("rto: 30s\n", ""), "utf-8")

    result = project.run("--rollout-act")

    result.is_refused()
    assert "no plan of this run says on_rollback or on_proceed" in result.text


def test_a_variable_that_is_missing_is_refused_before_any_gate(shop):
    """Not at two in the morning, after the verdict; without acting nobody needs it."""
    call = (
        "{kind: http, method: PUT, path: /x, url: '${FLAGS_URL}', bearer: '${FLAGS_TOKEN}', body: {to: '{percentage}'}}"
    )
    project = shop(BACK.replace("  verify", f"    - {call}\n  verify"))

    refused, shown = project.run("--rollout-act"), project.run()

    refused.is_refused()
    assert "environment variable 'FLAGS_URL' is not set" in refused.text
    assert "environment variable 'FLAGS_TOKEN' is not set" in refused.text
    assert shown.ret == 20
    assert told(shown)["steps"][1]["does"] == 'PUT ${FLAGS_URL}/x with {"to": 0}'


@pytest.mark.parametrize(("status", "state"), [(200, "done"), (500, "failed"), (302, "failed")])
def test_a_call_and_a_command(shop, service, status, state):
    """The call reaches the target, the command runs in the plan's folder; a failure of one keeps none of the others."""
    service.status = status
    script = "import sys, pathlib; pathlib.Path('to.txt').write_text(sys.argv[1])"
    actions = (
        "    - {kind: http, method: PUT, path: /canary, body: {percent: '{percentage}'}, bearer: '${SHOP_TOKEN}'}\n"
        f"    - {{kind: command, run: [python3, -c, \"{script}\", 'to {{percentage}} by {{rollout}}']}}\n"
    )
    project = shop(BACK.replace("  verify", f"{actions}  verify"))

    result = project.run("--rollout-act", env={"SHOP_URL": service.url, "SHOP_TOKEN": "s3cret-token"})

    assert result.ret == 20
    assert service.heard == [("PUT", "/canary", b'{"percent": 0}', "Bearer s3cret-token")]
    assert (project.gates / "to.txt").read_text("utf-8") == "to 0 by shop"
    assert told(result)["state"] == state
    assert [step["state"] for step in told(result)["steps"]] == ["done", state, "done"]
    assert "s3cret-token" not in json.dumps(result.verdict) + result.text


@pytest.mark.parametrize(
    ("body", "sent"),
    [("'{percentage}'", b"0"), ("false", b"false"), ("'\"canary\"'", b'"canary"'), ("[1, 2]", b"[1, 2]")],
)
def test_a_body_is_json_also_where_it_is_one_value(shop, service, body, sent):
    """A flag that is set to the text "0" is another one than a flag that is set to 0."""
    action = f"    - {{kind: http, method: PUT, path: /canary, body: {body}}}\n"
    project = shop(BACK.replace("  verify", f"{action}  verify"))

    result = project.run("--rollout-act", env={"SHOP_URL": service.url})

    assert result.ret == 20
    assert [heard[2] for heard in service.heard] == [sent]


@pytest.mark.parametrize("body", ["canary", "NaN", "{percentage} %"])
def test_a_body_that_is_no_json_is_refused(shop, body):
    """Before anything is judged, with what would do."""
    project = shop(BACK.replace("  verify", f"    - {{kind: http, method: PUT, path: /x, body: '{body}'}}\n  verify"))

    result = project.run(lock=False)

    result.is_refused()
    assert "option 'body' is no JSON" in result.text


@pytest.fixture
def service():
    """A service on loopback that remembers what it was told."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.heard.append((self.command, self.path, body, self.headers["Authorization"]))
            self.send_response(server.status)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
