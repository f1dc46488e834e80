"""The production environment of `gates/dual_memory`, of real servers that a world has filled.

A world runs as `rollout world` runs it. What it says goes where production
keeps it: its telemetry into blocks of a real Prometheus, which also reads its
alert rules and scrapes its service; the soak test into a Prometheus of its
own, as in staging; its database into a real PostgreSQL. Files stay where it
wrote them, and its service is the service.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_rollout.plan.load import load_plan
from pytest_rollout.sources import FLAG_KINDS, KINDS
from pytest_rollout.world import export
from pytest_rollout.world.load import load_world
from pytest_rollout.world.running import running_world
from pytest_rollout.world_past import Lived, write_past
from pytest_rollout.world_signers import write_signatures
from support import servers
from support.judged import Judged
from support.oracle import REPOSITORY
from support.others import WITHOUT
from support.postgres import Postgres
from support.warm import WarmPython

GATES = Path("gates") / "dual_memory"
LOOKED_AT = timedelta(hours=38)
"""The longest window of a query for Prometheus: 36 hours of hours, which gives 37, and one to spare."""
FOREIGN = ("PYTEST_", "ROLLOUT_", "PYTHONDONTWRITE")
VARIABLES = frozenset(re.findall(r"\$\{(\w+)\}", (REPOSITORY / GATES / "rollout.yaml").read_text("utf-8")))
"""What the plan is told of its servers."""


@contextmanager
def production(world_file: Path, fault: str, folder: Path, server: Postgres) -> Iterator[dict[str, str]]:
    """The variables of the plan, set to servers that hold a world with a fault; gone when the block ends.

    Args:
        world_file: The world.
        fault: The fault; empty for none.
        folder: A new folder for everything.
        server: Where the world's database goes, into a database of its own.
    """
    at, spec, here = datetime.now(UTC), load_world(world_file), folder / "world"
    with ExitStack() as stack:
        world = stack.enter_context(running_world(world_file, at=at, folder=here, fault=fault or None))
        sources = world.endpoints.sources
        down = fault == "metrics_down"  # such a world has no telemetry, and such a Prometheus is stopped
        telemetry = [] if down else [here / "telemetry.duckdb"]
        since = at - LOOKED_AT
        target = world.endpoints.target.removeprefix("http://")
        (folder / "telemetry.om").write_text("".join(export.openmetrics(telemetry, spec.series, since=since)))
        (folder / "soak.om").write_text("".join(export.openmetrics([here / "soak.duckdb"], spec.series, since=since)))
        soak = stack.enter_context(_prometheus(folder / "staging", folder / "soak.om"))
        with ExitStack() as monitoring:
            prometheus = monitoring.enter_context(
                _prometheus(folder / "monitoring", folder / "telemetry.om", rules=here / "alerts.yml", target=target)
            )
            if not down:
                stack.push(monitoring.pop_all())
        yield {
            "PROMETHEUS_URL": prometheus,
            "SOAK_PROMETHEUS_URL": soak,
            "LEDGER_URL": "",  # a phase has its own: see `remembered`
            "WAREHOUSE_URL": "duckdb:///the-phases-tried-here-have-no-experiment.duckdb",
            "STORE_URL": _stored(server, fault or "healthy", here / "store.duckdb"),
            "SERVICE_URL": world.endpoints.target,
            "FLAGS_URL": world.endpoints.flags,
            "DASHBOARDS_URL": sources["dashboards"]["url"],
            "INTEGRATION_RESULTS": sources["integration"]["path"],
            "BENCHMARK_RESULTS": sources["benchmarks"]["path"],
            "BENCHMARK_BASELINE": sources["benchmarks"]["against"],
            "EVENT_LOG": sources["event_log"]["path"],
            "TASKS_FILE": sources["tasks"]["path"],
            "BASELINES_FILE": sources["baselines"]["path"],
            "REHEARSAL_FILE": sources["rehearsal"]["path"],
        }


def remembered(world_file: Path, fault: str, phase: str, folder: Path) -> str:
    """A ledger in which a phase is on its last day, as in the demo, and who has signed, beside the plan; the ledger.

    Args:
        world_file: The world; its folder is the plan's, in a repository of its own.
        fault: The fault; empty for none.
        phase: The phase.
        folder: A new folder for the ledger.
    """
    folder.mkdir(parents=True)
    plan, at = load_plan(world_file.with_name("rollout.yaml"), kinds=KINDS, flag_kinds=FLAG_KINDS), datetime.now(UTC)
    with running_world(world_file, at=at, folder=folder / "world") as world:
        baselines = world.endpoints.baselines
    lived = Lived(
        plan=plan, environment="production", at=at, phases=[phase], stage="", fault=fault, baselines=baselines
    )
    awaited = lived.awaited
    signed = write_signatures(plan, "production", awaited, at=at, folder=folder, unsigned=lived.unsigned)
    shutil.rmtree(plan.folder / "approvals", ignore_errors=True)
    shutil.copytree(signed, plan.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("key-of-*"))
    return write_past(lived, folder)


@contextmanager
def _prometheus(folder: Path, telemetry: Path, *, rules: Path | None = None, target: str = "") -> Iterator[str]:
    """A Prometheus with a history, which evaluates rules and scrapes a target; its address."""
    binary, promtool = (servers.need(name, package="prometheus") for name in ("prometheus", "promtool"))
    data, port = folder / "data", servers.free_port()
    data.mkdir(parents=True)
    if telemetry.stat().st_size > len("# EOF\n"):
        # In blocks of two hours, which is the default, it takes five times as long.
        backfill = [promtool, "tsdb", "create-blocks-from", "--max-block-duration=744h", "openmetrics", telemetry, data]
        subprocess.run(backfill, check=True, capture_output=True, timeout=60)
    config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}}
    if rules:
        config["rule_files"] = [str(rules)]
        config["scrape_configs"] = [{"job_name": "dual_memory", "static_configs": [{"targets": [target]}]}]
    (folder / "prometheus.yml").write_text(json.dumps(config))
    url = f"http://127.0.0.1:{port}"
    command = [
        binary,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def ready():
        if not servers.says_ok(f"{url}/-/ready"):
            return False
        with urllib.request.urlopen(f"{url}/api/v1/rules", timeout=5) as response:
            groups = json.load(response)["data"]["groups"]
        return all(rule["health"] == "ok" for group in groups for rule in group["rules"]) and (not rules or groups)

    with servers.started(command, ready=ready, log=folder / "log"):
        yield url


def _stored(server: Postgres, database: str, table: Path) -> str:
    """Copy the table of the world's database into a new one of PostgreSQL; its address for a role that only reads."""
    import psycopg

    # A fault may be tried in several phases, one after the other.
    server.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    server.execute(f"CREATE DATABASE {database}")
    where = {"host": str(server.folder), "port": server.port, "user": "postgres", "dbname": database}
    with psycopg.connect(**where) as connection, connection.cursor() as cursor:
        cursor.execute(export.create_table(table.stem))
        with cursor.copy(f"COPY {table.stem} FROM STDIN") as copy:
            for row in export.rows_of(table):
                copy.write_row(row)
        cursor.execute(f"GRANT SELECT ON {table.stem} TO gate")
    return server.url(database=database)


class Judge:
    """Runs pytest in processes of their own: forks of a Python that has read its modules, or new interpreters."""

    def __init__(self) -> None:
        self._clean = {
            name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) and name not in VARIABLES
        }
        self._warm = WarmPython(self._clean)
        self._one_at_a_time = threading.Lock()

    def run(
        self, words: list[str], *, project: Path, variables: dict[str, str], anew: bool
    ) -> subprocess.CompletedProcess[str]:
        """One run; `variables` are added to the environment."""
        env = {**self._clean, **variables}
        if not anew and self._warm.can_run(env):
            with self._one_at_a_time:
                return self._warm.run("pytest", words, cwd=project, env=env, timeout=120)
        command = [sys.executable, "-m", "pytest", *words]
        return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=120, check=False)

    def close(self) -> None:
        """End what the forks are made from."""
        self._warm.close()


def judged(
    judge: Judge,
    project: Path,
    phase: str,
    out: Path,
    *words: str,
    variables: dict[str, str] | None = None,
    anew: bool = False,
) -> Judged:
    """Judge one phase in a process of its own.

    Args:
        judge: Starts it.
        project: The folder that holds the copy of the gates.
        phase: The phase.
        out: A new folder for receipt and evidence.
        words: Further arguments.
        variables: What the plan is told of its servers; without it, nothing.
        anew: Whether it is a new interpreter, as a shell starts it.
    """
    asked = [str(GATES), "-m", phase, "--rollout-out", str(out), *words]
    asked += ["-p", "no:cacheprovider", *WITHOUT]
    done = judge.run(asked, project=project, variables=variables or {}, anew=anew)
    return Judged.of(done, out)
