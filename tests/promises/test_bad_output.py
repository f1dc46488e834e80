"""Never a PROCEED that was not earned, never a broken file taken for a good one: disks, signals, clocks, neighbours."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from support.receipts import validate

from pytest_rollout.cli import main

WANTED = ("--phase", "phase1", "--env", "test", "--max-age", "15m")
YESTERDAY, TODAY = "yesterday", "today"
WAITS = """
def test_waits(metrics):
    open("started", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.02)
    assert metrics("errors") == 0
"""
SLEEPS = "def test_sleeps(metrics):\n    open('started', 'w').close()\n    time.sleep(60)\n"
HEAD = "import os\nimport time\nimport pytest\n"
WORKERS = [pytest.param((), id="one"), pytest.param(("-n", "2"), id="xdist")]


def until(true: Callable[[], object], *, seconds: float = 60) -> bool:
    """Wait for something; whether it came."""
    give_up = time.monotonic() + seconds
    while not true():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def whole(receipt: Path) -> dict | None:
    """A receipt that is absent or sound."""
    if not receipt.exists():
        return None
    document = json.loads(receipt.read_text("utf-8"))
    validate(document)
    return document


@pytest.fixture
def verified(monkeypatch) -> Callable[..., int]:
    """What `rollout verify` says to a job that named its run; None for one that did not."""

    def ask(receipt: Path, run_id: str | None) -> int:
        with monkeypatch.context() as patch:
            patch.delenv("ROLLOUT_RUN_ID", raising=False)
            if run_id is not None:
                patch.setenv("ROLLOUT_RUN_ID", run_id)
            return main(["verify", str(receipt), *WANTED])

    return ask


@pytest.fixture(scope="module")
def earned(new_project) -> str:
    """The receipt of a run that PROCEEDs, called yesterday."""
    project = new_project()
    project.run(env={"ROLLOUT_RUN_ID": YESTERDAY}).proceeds()
    return (project.folder / ".rollout" / "verdict.json").read_text("utf-8")


# -- which run it was --------------------------------------------------------


def test_a_job_that_names_its_run_hears_of_no_other(project, verified):
    """The receipt says the name, and `verify` asks for it."""
    project.run(env={"ROLLOUT_RUN_ID": "4711/2"}).proceeds()
    receipt = project.folder / ".rollout" / "verdict.json"

    assert whole(receipt)["run_id"] == "4711/2"
    assert [verified(receipt, name) for name in ("4711/2", None, "4711/1", "4711", "")] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201, "$(id)"])
def test_a_run_whose_name_is_none_is_refused(project, name):
    """Empty is a variable that somebody forgot to set; a name must fit on a line."""
    project.run(env={"ROLLOUT_RUN_ID": name}).is_refused()


def test_a_plugin_that_cannot_be_imported_leaves_the_old_receipt(project, earned, verified):
    """pytest imports `-p` before it loads this plugin, so only the name tells yesterday's file from today's."""
    project.lock()
    receipt = project.write(".rollout/verdict.json", earned)

    result = project.run("-p", "no_such_plugin", env={"ROLLOUT_RUN_ID": TODAY})

    assert result.ret in {1, 4}  # pytest 8.4 shows it as a traceback, later ones as a usage error
    assert whole(receipt)["run_id"] == YESTERDAY
    assert verified(receipt, TODAY) == 1


# -- two at once -------------------------------------------------------------


@pytest.mark.parametrize("order", ["healthy-last", "refuted-last", "together"])
def test_two_runs_into_one_folder(new_project, tmp_path, verified, order):
    """Each ends with its own code, the file is one of theirs, and nobody reads the other's as his own."""
    healthy, refuted = new_project(), new_project()
    refuted.answers(latency=99)
    out = tmp_path / "shared"
    runs = {}
    for name, project in {"healthy": healthy, "refuted": refuted}.items():
        project.gate(WAITS, head=HEAD)
        project.lock()
        runs[name] = project.start("--rollout-out", str(out), env={"ROLLOUT_RUN_ID": name})
    assert until(lambda: all((each.folder / "started").exists() for each in (healthy, refuted)))

    for project in (healthy, refuted) if order == "refuted-last" else (refuted, healthy):
        project.write("go", "")
        if order != "together":
            runs["healthy" if project is healthy else "refuted"].wait(60)

    assert (runs["healthy"].wait(60), runs["refuted"].wait(60)) == (0, 20)
    assert {path.name for path in out.iterdir()} <= {"verdict.json", "evidence.zip", "record.json"}  # no piece of any
    document = whole(out / "verdict.json")
    assert order == "together" or document["run_id"] == order.removesuffix("-last")
    assert document["decision"] == {"healthy": "PROCEED", "refuted": "ROLLBACK"}[document["run_id"]]
    codes = {name: verified(out / "verdict.json", name) for name in runs}
    assert codes["refuted"] == (20 if document["run_id"] == "refuted" else 1)
    assert codes["healthy"] == (0 if document["run_id"] == "healthy" else 1)


def test_a_run_that_starts_takes_the_others_receipt_away(project, new_project, tmp_path, verified):
    """The other is told to look at its exit code: no receipt, no go."""
    out = tmp_path / "shared"
    project.run("--rollout-out", str(out), env={"ROLLOUT_RUN_ID": "first"})
    assert verified(out / "verdict.json", "first") == 0
    second = new_project()
    second.gate(WAITS, head=HEAD)
    second.lock()

    process = second.start("--rollout-out", str(out), env={"ROLLOUT_RUN_ID": "second"})
    assert until((second.folder / "started").exists)
    during = verified(out / "verdict.json", "first")
    second.write("go", "")

    assert process.wait(60) == 0
    assert during == 1
    assert (verified(out / "verdict.json", "first"), verified(out / "verdict.json", "second")) == (1, 0)


# -- disks -------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path) -> Iterator[Callable[..., Path]]:
    """Mount a small disk of its own, writable, and hand out its folder; root may do that."""
    mounted: list[Path] = []

    def mount(kilobytes: int) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no disk can be mounted here: {done.stderr}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


FULL = """
import os
from contextlib import suppress


def fill(folder):
    with suppress(OSError), open(os.path.join(folder, "filler"), "ab", buffering=0) as file:
        while file.write(b"x" * 512):
            pass


"""


def test_a_read_only_folder_with_an_old_receipt(project, earned, verified, disk):
    """It cannot be removed, so the run is refused, and it is not today's."""
    out = disk(64)
    (out / "verdict.json").write_text(earned, encoding="utf-8")
    read_only(out)

    result = project.run("--rollout-out", str(out), env={"ROLLOUT_RUN_ID": TODAY})

    assert result.ret == 4
    result.is_calm()
    assert "an earlier verdict cannot be removed" in result.text
    assert verified(out / "verdict.json", TODAY) == 1


@pytest.mark.parametrize(("latency", "exit_code"), [(25, 1), (99, 20)], ids=["healthy", "critical"])
def test_a_read_only_folder(project, verified, disk, latency, exit_code):
    """No receipt, no go; and what takes the release back does so all the same."""
    out = disk(64)
    read_only(out)
    project.answers(latency=latency)

    result = project.run("--rollout-out", str(out))

    assert result.ret == exit_code, result.text
    result.is_calm()
    assert not list(out.iterdir())
    assert verified(out / "verdict.json", None) == 1


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize(("latency", "exit_code"), [(25, 1), (99, 20)], ids=["healthy", "critical"])
def test_a_disk_that_is_full_when_the_receipt_is_written(project, earned, verified, disk, latency, exit_code, workers):
    """Yesterday's is gone, today's is not there, and no piece of it is."""
    out = disk(32)
    (out / "verdict.json").write_text(earned, encoding="utf-8")
    project.answers(latency=latency)
    project.lock()
    project.write("gates/conftest.py", FULL + f"def pytest_sessionstart():\n    fill({str(out)!r})\n")

    result = project.run("--rollout-out", str(out), *workers, lock=False)

    assert result.ret == exit_code, result.text
    result.is_calm()
    assert [path.name for path in out.iterdir()] == ["filler"]
    assert verified(out / "verdict.json", None) == 1


def test_a_receipt_that_may_not_grow_so_large(project, earned, verified):
    """The same where nothing can be mounted: this process may write no file beyond four kilobytes."""
    project.lock()
    receipt = project.write(".rollout/verdict.json", earned)
    text = "import resource\n\n\ndef pytest_unconfigure():\n    resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))\n"
    project.write("gates/conftest.py", text)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY

    result = project.run(lock=False)

    assert result.ret == 1
    result.is_calm()
    assert not list(receipt.parent.iterdir())
    assert verified(receipt, None) == 1


@pytest.mark.parametrize(("when", "who"), [("pytest_sessionstart", "not in"), ("pytest_collection_modifyitems", "in")])
def test_a_disk_that_is_full_where_workers_share(project, earned, verified, disk, when, who):
    """From the controller's start on, or once workers have begun: who cannot share has not judged."""
    shared = disk(64)
    project.lock()
    receipt = project.write(".rollout/verdict.json", earned)
    body = f"if 'PYTEST_XDIST_WORKER' {who} os.environ:\n        fill({str(shared)!r})\n"
    project.write("gates/conftest.py", FULL + f"def {when}():\n    {body}")

    result = project.run("-n", "2", lock=False, env={"TMPDIR": str(shared)})

    assert (shared / "filler").exists()
    assert result.ret != 0
    assert result.verdict is None or result.verdict["decision"] == "HOLD"
    assert verified(receipt, None) != 0


# -- ends --------------------------------------------------------------------


def left_of(folder: Path) -> list[str]:
    """Processes that work in a project's folder: pytest, its workers, its world."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and (process / "cwd").readlink() == folder:
                found.append(process.name)
    return found


@pytest.fixture(scope="module")
def life(new_project) -> Callable[[tuple[str, ...]], float]:
    """How long a run lasts, in seconds, measured once."""
    lives: dict[tuple[str, ...], float] = {}

    def measured(words: tuple[str, ...]) -> float:
        if words not in lives:
            project = new_project()
            project.lock()
            since = time.monotonic()
            assert project.start(*words).wait(60) == 0
            lives[words] = time.monotonic() - since
        return lives[words]

    return measured


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("workers", WORKERS)
def test_killed_at_any_moment(new_project, earned, verified, life, workers, seed):
    """Twenty moments, half of them with workers: the file is absent or whole, and it is no go for today."""
    lasts, moments = life(workers), random.Random(seed)
    projects = [new_project() for _ in range(5)]
    for project in projects:
        project.answers(errors=1)
        project.lock()
        project.write(".rollout/verdict.json", earned)
        process = project.start(*workers, env={"ROLLOUT_RUN_ID": TODAY})
        with suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, lasts))
        process.kill()
        process.wait(60)

    # Workers live on for some seconds, and what they do then counts too.
    assert until(lambda: not any(left_of(project.folder) for project in projects))
    for project in projects:
        receipt = project.folder / ".rollout" / "verdict.json"
        document = whole(receipt)
        assert document is None or document["run_id"] == YESTERDAY or document["decision"] == "HOLD"
        assert verified(receipt, TODAY) != 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_controller_and_write_nothing(project, earned, number):
    """A worker that has lost its controller finds no receipt to write, whatever it still runs."""
    project.gate(SLEEPS, head=HEAD)
    project.lock()
    receipt = project.write(".rollout/verdict.json", earned)
    process = project.start("-n", "2")
    assert until((project.folder / "started").exists)

    process.send_signal(number)

    assert process.wait(60) < 0
    assert until(lambda: not left_of(project.folder))
    assert not receipt.exists()


def test_a_world_ends_with_its_run(project):
    """It leads a session of its own, so no signal to the group reaches it."""
    plan = project.gates / "rollout.yaml"
    sources = "sources:\n      telemetry: {kind: memory, answers: answers.yaml}"
    plan.write_text(plan.read_text("utf-8").replace(sources, "world: world.py"), encoding="utf-8")
    project.write("gates/shop/world.py", "from pytest_rollout.world import World\n\nworld = World(name='shop')\n")
    project.gate(SLEEPS, head=HEAD)
    project.lock()
    process = project.start("-n", "1")
    assert until((project.folder / "started").exists)
    assert len(left_of(project.folder)) == 3

    process.kill()
    process.wait(60)

    assert until(lambda: not left_of(project.folder))


# -- clocks ------------------------------------------------------------------

CLOCK = """
import datetime
import os
import time

true_time, true_datetime = time.time, datetime.datetime


def ahead():
    try:
        with open(os.environ["CLOCK"], encoding="utf-8") as file:
            return float(file.read())
    except (OSError, ValueError):
        return 0.0


class Datetime(true_datetime):
    @classmethod
    def now(cls, tz=None):
        return true_datetime.now(tz) + datetime.timedelta(seconds=ahead())


time.time = lambda: true_time() + ahead()
datetime.datetime = Datetime
"""
_NAMES = count()


@pytest.fixture
def clock(tmp_path):
    """A machine's clock that can be set: `clock(hours)` gives the environment in which it goes that far ahead."""
    folder = tmp_path / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CLOCK, encoding="utf-8")

    def ahead(hours: float) -> dict[str, str]:
        setting = folder / f"setting{next(_NAMES)}"
        setting.write_text(str(hours * 3600), encoding="utf-8")
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
        return {"PYTHONPATH": path, "CLOCK": str(setting)}

    return ahead


def said(project, clock_now: dict[str, str]) -> tuple[int, str]:
    done = project.rollout("verify", *WANTED, env=clock_now)
    return done.returncode, done.stderr


def test_a_clock_that_was_ahead(project, clock):
    """Set right between run and `verify`: the receipt is from the future. The run's own clock finds it fresh."""
    fast = clock(24)
    project.run(env=fast).proceeds()

    assert said(project, fast)[0] == 0
    code, words = said(project, clock(0))
    assert code == 1
    assert "from the future" in words


def test_a_clock_that_was_behind(project, clock):
    """The receipt looks as old as the clock was wrong."""
    project.run(env=clock(-24)).proceeds()

    code, words = said(project, clock(0))

    assert code == 1
    assert "24 h old" in words or "1 d old" in words


@pytest.mark.parametrize("hours", [-24, 24], ids=["back", "forward"])
@pytest.mark.parametrize("workers", WORKERS)
def test_a_clock_that_is_set_during_a_run(project, clock, hours, workers):
    """The run's instant is its start, also in workers that start later; the receipt is of that instant, or refused."""
    setting = clock(0)
    project.lock()
    project.write(
        "gates/conftest.py",
        "import os\nimport pathlib\n\n\ndef pytest_collection_modifyitems():\n"
        f"    pathlib.Path(os.environ['CLOCK']).write_text('{hours * 3600}')\n",
    )
    before = datetime.now(UTC) - timedelta(minutes=1)

    result = project.run(*workers, lock=False, env=setting)

    result.proceeds()
    assert before < datetime.fromisoformat(result.verdict["evaluated_at"]) < before + timedelta(minutes=5)
    claims = [claim for gate in result.verdict["verdicts"][0]["gates"] for claim in gate["claims"]]
    assert {claim["age"] for claim in claims} == {0.0}
    assert said(project, clock(0))[0] == 0
    assert said(project, setting)[0] == 1


def test_a_clock_set_back_makes_no_earlier_receipt_fresh(project, clock, earned):
    """Yesterday's receipt is removed by its name and not by its age."""
    document = json.loads(earned)
    document["evaluated_at"] = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    project.write(".rollout/verdict.json", json.dumps(document))
    set_back = clock(-24)
    assert said(project, set_back)[0] == 0  # this is what it would be taken for
    assert said(project, {**set_back, "ROLLOUT_RUN_ID": TODAY})[0] == 1
    project.answers(errors=1)

    project.run(env=set_back).holds("failed")

    assert said(project, set_back)[0] == 1
