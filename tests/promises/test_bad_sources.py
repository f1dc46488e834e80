"""A source that is down, slow, lying or hostile is doubt: HOLD with its reason, never a number, never a traceback."""

from __future__ import annotations

import re

import pytest
from support.hostile_server import HostileServer, unused_url

PLAN_FILE = "gates/shop/rollout.yaml"
MEMORY = "{kind: memory, answers: answers.yaml}"
IMPATIENT = """
import pytest_rollout.asking
import pytest_rollout.opened

pytest_rollout.asking.TIMEOUT_SECONDS = pytest_rollout.opened.TIMEOUT_SECONDS = 2
"""


def telemetry(project, kind, **queries):
    """Let the plan ask another kind of source, with other queries."""
    plan = (project.folder / PLAN_FILE).read_text("utf-8").replace(MEMORY, kind)
    for name, query in queries.items():
        plan = plan.replace(f"query: {name}", f"query: {query!r}")
    project.write(PLAN_FILE, plan)


@pytest.fixture
def shop():
    """A telemetry server that is well; each test breaks one of its answers."""
    with HostileServer() as server:
        server.reply("/errors", '{"value": 0}')
        server.reply("/orders", '{"value": 500}')
        server.reply("/latency", '{"value": 25}')
        yield server


@pytest.fixture
def asking(project, shop):
    """The project, asking that server."""
    telemetry(
        project,
        '{kind: http_json, url: "${SHOP_URL}"}',
        latency="/latency#value",
        errors="/errors#value",
        orders="/orders#value",
    )
    project.write("conftest.py", IMPATIENT)
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_server_that_is_well(asking, shop, workers):
    """The ground under the tests below."""
    asking.run(*workers, env={"SHOP_URL": shop.url}).proceeds()


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("error", "status 500: database is on fire"),
        ("html", "answered HTML, not JSON"),
        ("empty", "the answer is empty"),
        ("truncated", "not sound JSON"),
        ("huge", "larger than 5 MiB"),
        ("gzip-bomb", "larger than 5 MiB"),
        ("hang-before-headers", "no answer within 2 s"),
        ("drip-body", "no answer within 2 s"),
        ("redirect", "redirects to elsewhere.example"),
        ("no-http", "RemoteProtocolError"),
    ],
)
def test_a_broken_answer_holds(asking, shop, behaviour, said):
    """One metric cannot be read: its budget holds for want of data, in words, and the others are judged."""
    plan = (asking.folder / PLAN_FILE).read_text("utf-8")
    asking.write(PLAN_FILE, plan.replace("/latency#", f"/{behaviour}#"))

    result = asking.run(env={"SHOP_URL": shop.url})

    result.holds("no-data")
    result.stdout.fnmatch_lines(["VERDICT  HOLD?no-data?  shop phase1 * exit 1", "*HOLD?no-data?  latency_ms  *"])
    assert said in " ".join(result.text.split())
    result.stdout.fnmatch_lines(["*PROCEED *orders_keep_coming*"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param('{"value": NaN}', "answered NaN", id="nan"),
        pytest.param('{"value": null}', "the result is empty", id="null"),
        pytest.param('{"value": [25, 65]}', "2 rows where one was meant", id="two-rows"),
    ],
)
def test_an_odd_answer_holds(asking, shop, body, said):
    """What is not exactly one number is no number."""
    shop.reply("/latency", body)

    result = asking.run(env={"SHOP_URL": shop.url})

    result.holds("no-data")
    assert said in result.text


def test_a_cached_answer_is_old(asking, shop):
    """A proxy that serves yesterday's 200 says so in `Age`, and is believed."""
    shop.reply("/latency", '{"value": 25}', "Age: 7200")

    asking.run(env={"SHOP_URL": shop.url}).holds("stale")


def test_a_server_that_is_gone(asking):
    """Every gate holds, once for each address that was asked."""
    result = asking.run("-n", "2", env={"SHOP_URL": unused_url()})

    result.holds("no-data")
    result.stdout.fnmatch_lines(
        ["*Connection refused*", "*nobody listens there: does it run, and are host and port right?"]
    )


def test_an_address_that_is_none(asking):
    """A URL that came out of the environment and is no URL: one cause, said once."""
    result = asking.run(env={"SHOP_URL": "ftp://shop"})

    result.holds("no-data")
    result.stdout.fnmatch_lines(["HOLD?no-data? 3 gates, one cause", "*option 'url' is not an address*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_source_that_hangs_is_waited_for_once(project, workers):
    """The run ends, and the gate holds."""
    project.write("conftest.py", IMPATIENT)
    project.answers(latency={"hang": "60s"})

    result = project.run(*workers)

    result.holds("no-data")
    result.stdout.fnmatch_lines(["*no answer within 2 s*"])


def test_a_source_that_breaks_all_others_too(project):
    """The file of the answers is not there."""
    (project.gates / "answers.yaml").unlink()

    result = project.run()

    result.holds("no-data")
    result.stdout.fnmatch_lines(["HOLD?no-data? 3 gates, one cause", "*No such*"])


def test_a_database_that_is_not_there(project):
    """It is not made by asking for it."""
    telemetry(project, '{kind: sql, url: "duckdb:///shop.duckdb"}', latency="SELECT 25 AS value")

    result = project.run()

    result.holds("no-data")
    result.stdout.fnmatch_lines(["*shop.duckdb: there is no such database*"])
    assert not (project.gates / "shop.duckdb").exists()


def test_a_database_that_is_none(project):
    """And one that is a text file is left as it is."""
    telemetry(project, '{kind: sql, url: "duckdb:///shop.duckdb"}', latency="SELECT 25 AS value")
    project.write("gates/shop/shop.duckdb", "hello")

    result = project.run()

    result.holds("no-data")
    assert "not a valid DuckDB database" in " ".join(result.text.split())
    assert (project.gates / "shop.duckdb").read_text() == "hello"


def test_a_query_that_changes_data_is_not_asked(project):
    """Reading is all that a gate may do; a number without a time is of unknown age."""
    import duckdb

    with duckdb.connect(str(project.gates / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 500 AS value")
    telemetry(
        project,
        '{kind: sql, url: "duckdb:///shop.duckdb"}',
        latency="DROP TABLE orders",
        errors="SELECT 0 AS value",
        orders='SELECT value, now() AS "at" FROM orders',
    )

    result = project.run()

    result.holds("no-data", "stale")
    result.stdout.fnmatch_lines(["*the query is DROP, and only SELECT is asked*"])
    result.stdout.fnmatch_lines(["*PROCEED *orders_keep_coming*"])


def test_a_secret_is_in_no_line(asking, shop):
    """A server that echoes the token, and a run that prints everything."""
    shop.reply("/latency", "no entry for hunter22", status="403 Forbidden")
    plan = (asking.folder / PLAN_FILE).read_text("utf-8")
    asking.write(PLAN_FILE, plan.replace('"${SHOP_URL}"', '"${SHOP_URL}", bearer: "${SHOP_TOKEN}"'))

    result = asking.run("-v", env={"SHOP_URL": shop.url, "SHOP_TOKEN": "hunter22"})

    result.holds("no-data")
    assert any("hunter22" in request for request in shop.requests)
    assert "hunter22" not in result.text
    assert "hunter22" not in (asking.folder / ".rollout" / "verdict.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("declared", "gate", "codes", "said"),
    [
        pytest.param("", 'flags.on("checkout")', {"no-data"}, "names no flags", id="no-flags"),
        pytest.param(
            "flags: {kind: file, path: flags.json}", 'flags.on("checkout")', {"no-data"}, "no such file", id="no-file"
        ),
        pytest.param(
            "flags: {kind: memory, flags: {chekout: true}}",
            'flags.on("checkout")',
            {"no-data"},
            "did you mean 'chekout'?",
            id="no-such-flag",
        ),
        pytest.param("", "check(target.get('/').is_success, 'up')", {"error"}, "names no `target`", id="no-target"),
        pytest.param(
            f"target: {unused_url()}",
            "check(target.get('/').is_success, 'up')",
            {"no-data"},
            "the service did not answer",
            id="target-down",
        ),
    ],
)
def test_flags_and_service_are_doubted_alike(project, declared, gate, codes, said):
    """What is not known of a flag or a service is not known to be good."""
    plan = (project.folder / PLAN_FILE).read_text("utf-8")
    project.write(PLAN_FILE, plan.replace("  test:\n", f"  test:\n    {declared}\n"))
    fixture = gate.partition(".")[0].removeprefix("check(")
    project.gate(f"def test_it({fixture}):\n    assert {gate}\n")

    result = project.run()

    result.holds(*codes)
    assert said in " ".join(result.text.split())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:9090", "option 'url' is not an address such as https://metrics.example.org/api"),
        ("http://127.0.0.1:9/x?token=hunter22", "option 'url' is a base address"),
    ],
)
def test_an_option_that_no_source_takes_is_named_where_it_stands(project, url, said):
    """The variable's value is seen only when it is filled in; the message leads to the plan, without that value."""
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    http = 'telemetry: {kind: http_json, url: "${SHOP_URL}"}'
    project.write("gates/shop/rollout.yaml", plan.replace("telemetry: {kind: memory, answers: answers.yaml}", http))

    result = project.run(env={"SHOP_URL": url})

    result.holds("no-data")
    words = " ".join(result.text.split())
    assert re.search(rf"gates/shop/rollout\.yaml:\d+:\d+: environments\.test\.sources\.telemetry\.url: {said}", words)
    assert url not in result.text
