"""How often the gates of dual_memory say what its table promises, over seeds: `python tests/benchmarks/oracle.py`.

Every row of docs/rollouts/dual_memory/index.md whose answer depends on chance:
those of phases 2 to 5 that change the rows of the experiment, and the healthy
ones. A seed is another possible world. Its rows are made by the world's own
generator and judged by the code that gates run, with the plan's limits and
Holm's correction, but below pytest: nothing is served, signed or remembered.

    python tests/benchmarks/oracle.py --seeds 200                 every row; a day of one core
    python tests/benchmarks/oracle.py --seeds 20 --phase phase2   some
    python tests/benchmarks/oracle.py --table                     what was found so far, as docs/oracle-measured.md

What was found stays in a file, and a seed that is in it is not judged again,
so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_rollout.arms import Arms
from pytest_rollout.claims import Claim, Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.plan.load import load_plan
from pytest_rollout.plan.model import CONTROL, Environment, Phase, Plan, SourceConfig
from pytest_rollout.readings import Readings
from pytest_rollout.remembered import Remembered
from pytest_rollout.soundness import claim_of
from pytest_rollout.sources import BUILT_IN
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.stages import Standing
from pytest_rollout.stats.multiplicity import holm
from pytest_rollout.verdict import FAMILY_LEVEL
from pytest_rollout.waiting import Waiting
from pytest_rollout.winner import winner
from pytest_rollout.world.event_rows import Shown, make_events
from pytest_rollout.world.load import load_world
from pytest_rollout.world_past import Lived

REPOSITORY = Path(__file__).parents[2]
ROLLOUT = REPOSITORY / "gates" / "dual_memory"
PAGE = REPOSITORY / "docs" / "rollouts" / "dual_memory" / "index.md"
FOUND = REPOSITORY / ".rollout" / "oracle.jsonl"
SECOND = timedelta(seconds=1)
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
ROW = re.compile(
    r"^\| (?:`(?P<fault>\w+)`|none) \| [^|]+ \| (?P<phase>\d) \| (?P<environment>demo[-\d]*) \| (?P<exit>[\d or]+)"
    r" \| (?P<reason>[^ |]+) \| (?P<gates>[^|]+) \|$"
)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    fault: str
    phase: str
    environment: str
    codes: tuple[int, ...]
    gates: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.fault or 'healthy'} {self.phase} {self.environment}"


def rows(plan: Plan) -> Iterator[Row]:
    """The lines that chance decides: healthy ones, and faults that change rows."""
    world = load_world(ROLLOUT / "world.py")
    for match in filter(None, map(ROW.match, PAGE.read_text("utf-8").splitlines())):
        phase, fault = f"phase{match['phase']}", match["fault"] or ""
        if phase in plan.phases and (not fault or (fault in world.faults and phase in world.faults[fault].events)):
            codes = tuple(int(each) for each in match["exit"].split(" or "))
            yield Row(fault, phase, match["environment"], codes, tuple(re.findall(r"`([\w.]+)`", match["gates"])))


def judged(plan: Plan, row: Row, seed: int) -> tuple[int, list[str]]:
    """The exit code that the experiment alone would give, and the gates against the release."""
    phase = plan.phases[row.phase]
    stage = plan.environments[row.environment].stage
    lived = Lived(
        plan=plan, environment=row.environment, at=AT, phases=[row.phase], stage=stage, fault="", baselines={}
    )
    shown = lived.shown()
    assert shown is not None
    traffic = list(shown.traffic)
    world = load_world(ROLLOUT / "world.py").with_fault(row.fault or None).showing(row.phase)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.duckdb"
        stretch = Shown(start=shown.start, end=AT, traffic=traffic or [(0.0, 0.0)])
        make_events(world.events[row.phase], stretch, seed=seed, file=file, cache=Path(folder) / "cache")
        remembered = Remembered(
            started=shown.start, traffic=tuple((percent, shown.start + since * SECOND) for percent, since in traffic)
        )
        percent = traffic[-1][0] if traffic else None
        standing = Standing(phase=phase, percent=percent, since=shown.start, reached=percent, at=AT)
        waiting = Waiting(phase=phase, standing=standing, past=remembered, at=AT)
        place = phase.place
        sources = {
            name: SourceConfig(name=name, kind="sql", options={"url": f"duckdb:///{file}"}, place=place, places={})
            for name in ("recalls", "replays")
        }
        environment = Environment(name="oracle", world=None, target="", flags=None, sources=sources, place=place)
        readings = Readings(plan, environment, AT, AnswerBook())
        return decided(phase, claims(Arms(plan, phase, waiting, readings), phase))


def claims(arms: Arms, phase: Phase) -> dict[str, Claim]:
    """What the gates of the phase that look at rows claim, by the gate."""
    found = {}
    for budget in phase.budgets.values():
        if budget.against == CONTROL:
            sides = arms.comparison(budget.metric).statistic(budget.what)
            found[budget.name] = budget.limit.claim(sides.lift if budget.lift else sides.delta)
    for line in phase.experiment_lines:
        found[line] = claim_of(arms, line)
    if phase.name == "phase2":
        found["test_known_answers_are_found_as_well"] = arms.comparison("replay_recall").paired > -0.01
        found["test_known_answers_are_found_as_well, precision"] = arms.comparison("replay_precision").paired > -0.01
    if phase.name == "phase5":
        found["test_one_weight_wins"] = winner(arms, "query_confidence", "mean", frozenset())
        for arm in ("w020", "w025", "w030"):
            found[f"test_no_weight_is_slower[{arm}]"] = arms.comparison("query_latency", arm).p99.delta < "10 ms"
    return found


def decided(phase: Phase, made: dict[str, Claim]) -> tuple[int, list[str]]:
    """The exit code and the gates, by the rules of a verdict.

    The family of Holm's correction is every gate of the phase that can take
    the release back, also those on facts; so it is a little stricter than a run's.
    """
    facts = {name: claim.facts for name, claim in made.items()}
    bad = [name for name, fact in facts.items() if fact.truth is not Truth.PROVEN]
    firing = [name for name in bad if facts[name].truth is Truth.REFUTED and facts[name].decision is Decision.ROLLBACK]
    triggers = sum(budget.limit.can_roll_back() for budget in phase.budgets.values())
    family = triggers + sum(name.endswith(".last_day") for name in phase.experiment_lines)
    stands = holm([facts[name].alpha for name in firing], family=family, level=FAMILY_LEVEL)
    return 20 if any(stands) else 1 if bad else 0, bad


def is_right(row: Row, code: int, bad: list[str]) -> bool:
    """The exit code is one of the row's, and where it is not 0 one of the row's gates is against the release."""
    return code in row.codes and (code == 0 or any(each.partition(",")[0] in row.gates for each in bad))


def main() -> None:
    """Judge seeds, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--phase", default="")
    parser.add_argument("--environment", default="")
    parser.add_argument("--fault", help="one fault; 'healthy' for none")
    parser.add_argument("--file", type=Path, default=FOUND)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    plan = load_plan(ROLLOUT / "rollout.yaml", kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)
    if options.table:
        print(table(list(rows(plan)), read(options.file)))
        return
    options.file.parent.mkdir(parents=True, exist_ok=True)
    known = {(each["row"], each["seed"]) for each in read(options.file)}
    for seed in range(1, options.seeds + 1):
        for row in rows(plan):
            wanted = (options.phase in {"", row.phase}, options.environment in {"", row.environment})
            named = options.fault in {None, row.fault or "healthy"}
            if not all(wanted) or not named or (row.name, seed) in known:
                continue
            began = time.process_time()
            code, bad = judged(plan, row, seed)
            line = {"row": row.name, "seed": seed, "exit": code, "right": is_right(row, code, bad), "bad": bad}
            with options.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**line, "cpu": round(time.process_time() - began, 1)}) + "\n")
            print(row.name, seed, code, "right" if line["right"] else f"WRONG: {bad}", flush=True)


def read(file: Path) -> list[dict]:
    """What was found so far."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def table(every: list[Row], found: list[dict]) -> str:
    """A line a row: how many seeds, how many were right, which exit codes there were."""
    lines = ["| world | phase | environment | seeds | right | exit codes | s a seed |", "|---|---|---|---|---|---|---|"]
    for row in every:
        mine = [each for each in found if each["row"] == row.name]
        codes = sorted({each["exit"] for each in mine})
        told = ", ".join(f"{code}: {sum(each['exit'] == code for each in mine)}" for code in codes) or "-"
        right = f"{sum(each['right'] for each in mine) / len(mine):.1%}" if mine else "-"
        cost = f"{sum(each['cpu'] for each in mine) / len(mine):.1f}" if mine else "-"
        fault = f"`{row.fault}`" if row.fault else "healthy"
        lines.append(f"| {fault} | {row.phase[-1]} | {row.environment} | {len(mine)} | {right} | {told} | {cost} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
