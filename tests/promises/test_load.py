"""Load tests and the host that gates run on: bounded, recorded, replayed, and never a pass for want of an answer."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pytest_rollout.machine import Machine


class Handler(BaseHTTPRequestHandler):
    """`/well` answers, `/ill` fails for every tenth, `/down` for each."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two, the second waits 40 ms for the first to be acknowledged
    count = 0

    def do_GET(self):
        type(self).count += 1
        ill = self.path.startswith("/down") or (self.path.startswith("/ill") and type(self).count % 10 == 0)
        self.send_response(503 if ill else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words):
        pass


@pytest.fixture
def service():
    """The service's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # who hangs up is no error, and a traceback breaks `ast.parse` elsewhere
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def with_service(project, url, more=""):
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    project.write("gates/shop/rollout.yaml", plan.replace("  test:\n", f"  test:\n    target: {url}\n{more}"))


def gate(project, body):
    lines = "\n    ".join(body.splitlines())
    return project.gate(f'def test_load(load, machine):\n    """It bears the load."""\n    {lines}\n')


HEALTHY = """found = load("/well", n=400, at_once=8)
assert found.errors < "2 %"
assert found.p95 < "5 s"
assert found.throughput > "1 /s\""""


def test_a_load_that_is_borne_proceeds_and_says_how_it_was_measured(project, service):
    """Model, requests and order statistics stand in the claims; and no body in the evidence."""
    with_service(project, service)
    gate(project, HEALTHY)

    result = project.run()

    result.proceeds()
    claims = {each["text"]: each for each in result.verdict["verdicts"][0]["gates"][-1]["claims"]}
    assert {each["n"] for each in claims.values()} == {400}
    assert {each["source"] for each in claims.values()} == {"load"}
    latency = next(each for text, each in claims.items() if "P95" in text)
    assert latency["method"] == "order statistics of one load test, closed model, 8 at once"
    assert latency["query"].startswith("GET /well, 400 requests, 8 at once, after 8 to warm up")
    assert 0 < latency["low"] <= latency["value"] <= latency["high"] < 5000
    errors = next(each for text, each in claims.items() if "errors" in text)
    assert errors["low"] == errors["value"] == 0
    assert 1.4 < errors["high"] < 1.6  # 3.00 * 2 / 400


def test_a_replay_is_told_the_same_figures_and_sends_nothing(project, service):
    """Byte for byte, without the service."""
    with_service(project, service)
    gate(project, HEALTHY)
    first = project.run()
    (project.folder / ".rollout" / "evidence.zip").rename(project.folder / "kept.zip")
    sent = Handler.count

    again = project.run("--rollout-replay", "kept.zip")

    assert Handler.count == sent
    told = [[each["gates"][-1]["claims"] for each in run.verdict["verdicts"]] for run in (first, again)]
    assert json.dumps(told[0]) == json.dumps(told[1])
    again.holds("stale")


@pytest.mark.parametrize(
    ("asked", "codes", "line"),
    [
        ('assert load("/ill", n=400, at_once=4).errors < "2 %"', {"failed"}, "*status 503: 4*"),
        ('assert load("/ill", n=400, at_once=4).p95 < "5 s"', {"failed"}, "*P95 = 10 000 ms*limit < 5 000 ms*"),
        ('assert load("/well", n=20, at_once=2).errors < "2 %"', {"inconclusive"}, "*errors = 0 %*"),
        ('assert load("/well", n=100, at_once=2).p99 < "5 s"', {"inconclusive"}, "*too few: 597*"),
        ('assert load("/well", n=0, at_once=1).errors < "2 %"', {"error"}, "*n is 0, and lies between 1*"),
        ('assert load("ftp://x/", n=1, at_once=1).errors < "2 %"', {"error"}, "*is not a method and a path*"),
        ('load("/well", n=5, at_once=1)\nassert check(True, "sent")', {"no-claim"}, "*was read and no assert*"),
    ],
    ids=["errors", "failures-are-slow", "few", "few-for-p99", "nothing", "no-path", "unasserted"],
)
def test_what_was_not_borne_or_not_shown_holds(project, service, asked, codes, line):
    """Errors, doubt, mistakes, and a test that nobody claims anything of."""
    with_service(project, service)
    gate(project, asked)

    result = project.run()

    result.holds(*codes)
    result.stdout.fnmatch_lines([line])


def test_nobody_else_is_loaded(project, service):
    """A host that the environment does not name is refused, with what would name it; one that it names is not."""
    with_service(project, "http://127.0.0.1:9")
    gate(project, f'assert load("{service}/well", n=300, at_once=4).errors < "5 %"')
    sent = Handler.count

    refused = project.run()

    refused.holds("error")
    assert Handler.count == sent
    refused.stdout.fnmatch_lines(
        [
            f"*load: {service} is no host that environment 'test'*",
            "*hosts: http://127.0.0.1:9 (target)",
            f"*load: [[]{service}[]]*",
        ]
    )
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    named = plan.replace("    target: http://127.0.0.1:9\n", f"    load: ['{service}']\n")
    project.write("gates/shop/rollout.yaml", named)
    project.run().proceeds()


def test_a_service_that_is_not_there_has_not_borne_it(project):
    """Refused connections are errors, and no answer at all is no pass."""
    with_service(project, "http://127.0.0.1:9")
    gate(project, 'assert load("/well", n=50, at_once=5).errors < "2 %"')

    result = project.run()

    result.holds("failed")
    result.stdout.fnmatch_lines(["*errors = 100 %*", "*ConnectError: 50*"])


MACHINE = """assert machine.cpus >= 1
assert machine.memory_free > "1 MB"
assert machine.disk("/") <= 100
assert machine.disk_free("/") > "1 kB"
assert machine.load_average >= 0
assert machine.cpu <= 100"""


def test_the_host_is_read_exactly_and_replayed(project):
    """Readings of one look a run; a replay is told them again."""
    gate(project, MACHINE.replace("<= 100", '<= "100 %"'))

    first = project.run()

    first.proceeds()
    (project.folder / ".rollout" / "evidence.zip").rename(project.folder / "kept.zip")
    again = project.run("--rollout-replay", "kept.zip")
    told = [[each["gates"][-1]["claims"] for each in run.verdict["verdicts"]] for run in (first, again)]
    assert json.dumps(told[0]) == json.dumps(told[1])
    assert {claim["source"] for claim in told[0][0]} == {"machine"}


HOT = "machine.needs('temperature')\nassert machine.temperature < '90 °C'"
ALWAYS = '\n\ndef test_always(metrics):\n    """No errors."""\n    assert metrics("errors") == 0\n'
WITHOUT_SENSORS = "import psutil\npsutil.sensors_temperatures = lambda: {}\n"


def test_a_gate_about_hardware_that_is_not_here_says_so(project):
    """Not applicable, listed, and neither for nor against; without the word it is doubt."""
    project.write("gates/shop/conftest.py", WITHOUT_SENSORS)
    path = gate(project, HOT)
    path.write_text(path.read_text("utf-8") + ALWAYS, encoding="utf-8")

    result = project.run()

    result.proceeds()
    result.stdout.fnmatch_lines(["*(other stage)*this hardware cannot answer temperature*"])
    gate(project, HOT.splitlines()[1])
    project.run().holds("no-data")


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (f"assert machine.cpus >= 1\n{HOT}", {"error"}),
        ("from pytest_rollout.errors import NotApplicable\nraise NotApplicable('not today')", {"error"}),
        ("machine.needs('temprature')", {"error"}),
        ("machine.needs()", {"error"}),
        ("machine.needs('cpu')", {"no-claim"}),
    ],
    ids=["too-late", "by-itself", "misspelt", "nothing", "hardware-that-can"],
)
def test_nothing_else_excuses_a_gate(project, body, codes):
    """A gate says it first and of what the host lacks, or it has judged nothing."""
    project.write("gates/shop/conftest.py", WITHOUT_SENSORS)
    gate(project, body)

    project.run().holds(*codes)


def test_a_phase_of_gates_that_do_not_apply_has_no_gate(project):
    """All of them excused is nothing shown."""
    project.write("gates/shop/conftest.py", WITHOUT_SENSORS)
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    lines = [line for line in plan.splitlines() if "budgets:" not in line and "critical:" not in line]
    project.write("gates/shop/rollout.yaml", "\n".join(lines))
    gate(project, HOT)

    project.run().holds("missing")


def test_without_the_library_the_host_is_unknown(project):
    """Doubt with what to install, never an excuse."""
    project.write("gates/shop/conftest.py", "import sys\nsys.modules['psutil'] = None\n")
    gate(project, HOT)

    result = project.run()

    result.holds("no-data")
    result.stdout.fnmatch_lines(["*pip install 'pytest-rollout[[]machine[]]'*"])


def test_every_reading_of_the_host_has_a_name_that_can_be_needed():
    """`needs` knows exactly what there is."""
    from pytest_rollout.machine import _UNITS

    assert {name for name, value in vars(Machine).items() if isinstance(value, property)} == set(_UNITS)
