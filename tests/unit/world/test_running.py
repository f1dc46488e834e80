"""What a run sees of its world: it starts, answers, and ends with the run whatever ends that."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import pytest_rollout
from pytest_rollout.errors import WorldError

PACKAGE = str(Path(pytest_rollout.__file__).parent.parent)
GENEROUS_SECONDS = 20


def answers(target: str) -> bool:
    parts = urlsplit(target)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def ends(target: str) -> bool:
    deadline = time.monotonic() + GENEROUS_SECONDS
    while answers(target):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_world_says_where_it_is_and_answers(start, rows):
    world = start()

    assert httpx.get(f"{world.endpoints.target}/stock").json() == {"apples": 7}
    assert httpx.get(world.endpoints.flags).json() == {"shop.open": True}
    assert world.endpoints.sources["service"] == {"kind": "http_json", "url": world.endpoints.target}
    assert world.endpoints.sources["telemetry"]["kind"] == "sql"
    [(count, newest)] = rows(
        world.endpoints.sources["telemetry"]["url"], 'SELECT count(*), max("at")::VARCHAR FROM telemetry'
    )
    assert (count, newest[:16]) == (14 * 24 * 60, "2026-11-01 09:00")


def test_stopping_ends_it_and_stopping_twice_is_no_error(start):
    world = start()

    world.stop()
    world.stop()

    assert not world.alive
    assert not answers(world.endpoints.target)


def test_a_connection_stays_open(start):
    world = start()

    with httpx.Client(base_url=world.endpoints.target) as client:
        answers = [client.get("/stock") for _ in range(2)]
        ports = {each.extensions["network_stream"].get_extra_info("client_addr") for each in answers}

    assert {each.http_version for each in answers} == {"HTTP/1.1"}
    assert len(ports) == 1


def test_many_clients_at_once_are_answered(start):
    world = start()

    with httpx.Client(base_url=world.endpoints.target) as client, ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: client.get("/stock").status_code, range(200)))

    assert set(statuses) == {200}


PARENT = """
import json, os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from pytest_rollout.world.running import running_world

world = running_world(Path(sys.argv[1]), at=datetime(2026, 11, 1, tzinfo=UTC), folder=Path(sys.argv[2]))
fork = 0
if "fork" in sys.argv:
    fork = os.fork()
    if fork == 0:
        os.close(1)
        time.sleep(60)
        os._exit(0)
print(json.dumps([world.endpoints.target, fork]), flush=True)
if "forget" not in sys.argv:
    time.sleep(60)
"""


def parent_of(world_file, tmp_path, *how):
    command = [sys.executable, "-c", PARENT, str(world_file()), str(tmp_path / "run"), *how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": PACKAGE})
    target, fork = json.loads(process.stdout.readline())
    assert answers(target)
    return process, target, fork


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_a_world_dies_with_a_killed_parent(world_file, tmp_path, signal_number):
    process, target, _ = parent_of(world_file, tmp_path)

    process.send_signal(signal_number)
    process.communicate()

    assert ends(target)


def test_a_world_dies_with_a_parent_that_forgot_it(world_file, tmp_path):
    process, target, _ = parent_of(world_file, tmp_path, "forget")
    process.communicate()

    assert ends(target)


def test_a_world_dies_with_its_parent_though_a_fork_holds_the_pipe(world_file, tmp_path):
    process, target, fork = parent_of(world_file, tmp_path, "fork")

    process.kill()
    process.communicate()
    ended = ends(target)
    os.kill(fork, signal.SIGKILL)

    assert ended


def test_an_unknown_fault_lists_those_that_exist(start):
    with pytest.raises(WorldError) as caught:
        start(fault="crowed")

    message = str(caught.value)
    assert "unknown fault 'crowed'" in message
    assert "crowd, dies, metrics_down, nan, previous_phase_open, sold_out, stale, unsigned, young" in message
    assert "did you mean 'crowd'?" in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("world = (\n", "world.py:1: '(' was never closed", id="syntax"),
        pytest.param("\n\nimport no_such_module\n", "world.py:3: ModuleNotFoundError: No module", id="import"),
        pytest.param("def f():\n    return 1 / 0\n\nf()\n", "world.py:2: ZeroDivisionError", id="inner line"),
        pytest.param("raise SystemExit(3)\n", "world.py:1: SystemExit: 3", id="exit"),
        pytest.param(
            "x = 1\n", "world.py: a world file assigns a World to the name 'world', and it has none", id="none"
        ),
        pytest.param("world = 3\n", "and it is int", id="other"),
        pytest.param("import os\nos._exit(3)\n", "its process ended without a word", id="dies"),
        pytest.param("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "ended without a word", id="killed"),
        pytest.param("import time\ntime.sleep(30)\n", "said nothing for 1 s", id="slow"),
        pytest.param(
            "from pytest_rollout.world import *\nworld = World(name='x', routes={'/a': len})\n",
            "world.py:2: route '/a' is not a method and a path",
            id="route",
        ),
    ],
)
def test_a_world_that_cannot_start_says_so_in_its_own_words(start, world_file, text, says):
    with pytest.raises(WorldError) as caught:
        start(world_file(text), timeout_seconds=1 if "sleep" in text else GENEROUS_SECONDS)

    assert says in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_missing_world_file_is_named(start, tmp_path):
    with pytest.raises(WorldError, match="there is no such world file"):
        start(tmp_path / "nowhere.py")


def test_a_taken_port_is_named(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(WorldError, match=f"port {port} of 127.0.0.1 is taken"):
            start(port=port)


def test_an_instant_without_offset_is_refused(start):
    with pytest.raises(WorldError, match="no offset from UTC"):
        start(at=datetime(2026, 11, 1))  # noqa: DTZ001 - that is the point


def test_two_worlds_share_nothing(start):
    healthy, crowded = start(name="one"), start(name="two", fault="sold_out")

    assert healthy.endpoints.target != crowded.endpoints.target
    assert httpx.get(f"{healthy.endpoints.target}/stock").json() == {"apples": 7}
    assert httpx.get(f"{crowded.endpoints.target}/stock").json() == {"apples": 0}
    assert httpx.get(f"{crowded.endpoints.flags}").json() == {"shop.open": False}


def test_modules_beside_the_world_file_can_be_imported(start, world_file, tmp_path):
    (tmp_path / "shop_parts.py").write_text("NAME = 'from beside'")
    file = world_file(
        "import shop_parts\nfrom pytest_rollout.world import World\n"
        "world = World(name='x', routes={'GET /': lambda call: shop_parts.NAME})\n"
    )

    assert httpx.get(start(file).endpoints.target).json() == "from beside"


def test_a_dying_world_gives_no_answer(start):
    world = start(fault="dies")

    with pytest.raises(httpx.TransportError):
        httpx.get(f"{world.endpoints.target}/stock")

    assert ends(world.endpoints.target)


def test_metrics_down_leaves_the_service_alone(start):
    world = start(fault="metrics_down")

    assert not Path(world.endpoints.sources["telemetry"]["url"].removeprefix("duckdb:///")).exists()
    assert httpx.get(f"{world.endpoints.target}/stock").status_code == 200


def test_the_command_serves_until_its_input_ends(world_file, tmp_path):
    command = [sys.executable, "-m", "pytest_rollout.world.serve", str(world_file()), "--folder", str(tmp_path / "run")]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": PACKAGE}
    )
    target = json.loads(process.stdout.readline())["target"]
    answered = httpx.get(f"{target}/stock").status_code
    process.communicate()

    assert answered == 200
    assert process.returncode == 0


FULL = """
from pytest_rollout.world import Alert, Counter, Junit, Series, World

world = World(
    name="full",
    state={"n": 1},
    flags={"open": True},
    series=[Series(metric="load", base=1), Series(metric="size", base=2, table="store")],
    files={"tests": Junit(tests=3)},
    exposition=[Counter(name="requests_total", per_second=50)],
    alerts=[Alert(name="Slow", expr="x > 1", for_="5m"), Alert(name="Odd", expr="y > 1", health="no such y")],
    sources={"boards": {"kind": "http_json", "url": "{url}/boards", "folder": "{folder}"}},
)
"""


def ask(world, name, query, folder):
    from pytest_rollout.sources import KINDS
    from pytest_rollout.sources.protocol import Question

    options = dict(world.endpoints.sources[name])
    source = KINDS[options.pop("kind")].open(options, folder)
    return [sample.value for sample in source.ask(Question(query=query, at=datetime.now(UTC))).samples]


def test_every_part_of_a_world_is_a_source(start, world_file, tmp_path):
    world = start(world_file(FULL), at=datetime.now(UTC))
    sources = world.endpoints.sources

    assert {name: each["kind"] for name, each in sources.items()} == {
        "telemetry": "sql",
        "store": "sql",
        "tests": "junit",
        "service": "http_json",
        "metrics": "scrape",
        "alerts": "prometheus",
        "boards": "http_json",
    }
    assert sources["boards"]["url"] == f"{world.endpoints.target}/boards"
    assert sources["boards"]["folder"] == str(tmp_path / "run")
    assert ask(world, "tests", "passed", tmp_path) == [3]
    assert ask(world, "store", "SELECT max(value) FROM store", tmp_path) == [2]
    assert ask(world, "alerts", "firing alerts of Slow", tmp_path) == [0]
    assert 40 < ask(world, "metrics", "rate(requests_total)", tmp_path)[0] < 60


@pytest.mark.parametrize(("rule", "says"), [("Sloww", "did you mean 'Slow'?"), ("Odd", "no such y")])
def test_a_rule_that_is_missing_or_broken_says_nothing(start, world_file, tmp_path, rule, says):
    from pytest_rollout.errors import SourceError

    world = start(world_file(FULL), at=datetime.now(UTC))
    with pytest.raises(SourceError) as caught:
        ask(world, "alerts", f"firing alerts of {rule}", tmp_path)

    assert says in str(caught.value)


def test_alert_rules_are_a_file_that_prometheus_reads(start, world_file, tmp_path):
    start(world_file(FULL))
    import yaml

    [group] = yaml.safe_load((tmp_path / "run" / "alerts.yml").read_text())["groups"]
    assert [(rule["alert"], rule["for"]) for rule in group["rules"]] == [("Slow", "5m"), ("Odd", "0s")]


def test_flags_are_a_file_too(start):
    world = start()
    file = Path(world.endpoints.flags_file)
    httpx.put(f"{world.endpoints.flags}/shop.open", json=False)

    assert json.loads(file.read_text()) == {"shop.open": False}
    new = file.with_name("new.json")
    new.write_text('{"shop.open": "half"}')
    os.utime(new, (2e9, 2e9))
    new.replace(file)
    assert httpx.get(world.endpoints.flags).json() == {"shop.open": "half"}
