"""A world that cannot start is a usage error in its author's words; one that dies mid-run is doubt."""

from __future__ import annotations

import os
import socket

import pytest

WORLD = """
from pytest_rollout.world import Fault, Series, World

world = World(
    name="shop",
    routes={
        "GET /stats": lambda call: {"errors": 0, "at": call.at.isoformat()},
        "GET /orders": lambda call: {"value": 500},
    },
    series=[Series(metric="latency", base=25)],
    faults={
        "slow": Fault(about="slow", series={"latency": 65}),
        "dies": Fault(about="dies", dies_at="/stats"),
    },
)
"""
EMBEDDED = "embedded world, not your system"


@pytest.fixture
def small_world(project):
    """The project, judged in a world of its own."""
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    changes = {
        "query: latency": """query: 'SELECT value, "at" FROM telemetry ORDER BY "at" DESC LIMIT 1'""",
        "source: telemetry, query: errors": "source: service, query: '/stats#{value: errors, at: at}'",
        "source: telemetry, query: orders": "source: service, query: '/orders#value'",
        "    sources:\n      telemetry: {kind: memory, answers: answers.yaml}": "    world: world.py",
    }
    for old, new in changes.items():
        assert plan.count(old) == 1
        plan = plan.replace(old, new)
    project.write("gates/shop/rollout.yaml", plan)
    project.write("gates/shop/world.py", WORLD)
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_world_is_served_and_said_to_be_one(small_world, workers):
    """Healthy: PROCEED, and the first and the last line say what it proves."""
    shared = small_world.folder / "shared"
    shared.mkdir()

    result = small_world.run(*workers, env={"TMPDIR": str(shared)})

    result.proceeds()
    assert not list(shared.glob("pytest-rollout-*"))
    assert sum(EMBEDDED in line for line in result.stdout.lines) >= 3
    assert EMBEDDED in result.stdout.lines[-1]


def test_a_fault_changes_the_verdict(small_world):
    """What the fault says it does is what the gates see."""
    small_world.run("--rollout-fault", "slow").holds("critical", exit_code=20)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_world_that_dies_mid_run(small_world, workers):
    """The gates that ask it afterwards know nothing; those that asked before stand."""
    result = small_world.run("--rollout-fault", "dies", *workers)

    result.holds("no-data")
    result.stdout.fnmatch_lines(["VERDICT  HOLD?no-data?  shop phase1 * exit 1"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_an_unknown_fault(small_world, workers):
    """The faults that there are, and the one that was meant."""
    result = small_world.run("--rollout-fault", "slw", *workers)

    result.is_refused()
    result.stderr.fnmatch_lines(["*unknown fault 'slw'", "*faults of world 'shop': dies, *slow*", "*mean 'slow'?"])


@pytest.mark.parametrize(
    ("world", "said"),
    [
        pytest.param("world = (\n", "world.py:1: '(' was never closed", id="syntax"),
        pytest.param("x = 1\nraise RuntimeError('no luck')\n", "world.py:2: RuntimeError: no luck", id="raises"),
        pytest.param("import os\nos._exit(0)\n", "world.py: its process ended without a word", id="ends"),
        pytest.param("world = 3\n", "world.py: a world file assigns a World to the name 'world'", id="no-world"),
        pytest.param(
            WORLD.replace('{"latency": 65}', '{"latncy": 65}'), "did you mean 'latency'?", id="fault-of-nothing"
        ),
        pytest.param(None, "world.py: there is no such world file", id="missing"),
    ],
)
def test_a_world_that_cannot_start(small_world, world, said):
    """The world file and its line, before any gate runs; nothing of the run is left."""
    if world is None:
        (small_world.gates / "world.py").unlink()
    else:
        small_world.write("gates/shop/world.py", world)

    shared = small_world.folder / "shared"
    shared.mkdir()

    result = small_world.run(env={"TMPDIR": str(shared)})

    result.is_refused()
    result.stderr.fnmatch_lines(["ERROR: the world did not start: */gates/shop/world.py:*"])
    assert said in result.text
    assert not list(shared.glob("pytest-rollout-*"))


def test_a_world_that_hangs(small_world):
    """It is waited for, not for ever, and ended."""
    small_world.write(
        "gates/shop/world.py",
        """
        import os, pathlib, time

        pathlib.Path(__file__).with_name("pid").write_text(str(os.getpid()))
        time.sleep(60)
        """,
    )
    small_world.write(
        "conftest.py",
        """
        import functools

        from pytest_rollout.world import running

        running.running_world = functools.partial(running.running_world, timeout_seconds=1)
        """,
    )

    result = small_world.run()

    result.is_refused()
    result.stderr.fnmatch_lines(["*world.py: it said nothing for 1 s*"])
    with pytest.raises(ProcessLookupError):
        os.kill(int((small_world.gates / "pid").read_text()), 0)


def test_a_port_that_is_taken(small_world):
    """The world says which, and that a free one would do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        small_world.write(
            "conftest.py",
            f"""
            import functools

            from pytest_rollout.world import running

            running.running_world = functools.partial(running.running_world, port={port})
            """,
        )

        result = small_world.run()

    result.is_refused()
    result.stderr.fnmatch_lines([f"*port {port} of 127.0.0.1 is taken: choose another, or none, for a free one"])


def test_what_a_world_prints_is_not_its_answer(small_world):
    """A world file that prints while it is loaded is no trouble."""
    small_world.write("gates/shop/world.py", 'print(\'{"error": "no"}\')\n' + WORLD)

    small_world.run().proceeds()
