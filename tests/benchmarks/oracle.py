"""How often the gates of dual_memory say what its table promises, over seeds: `python tests/benchmarks/oracle.py`.

Every row of docs/rollouts/dual_memory/index.md whose answer depends on chance:
those of phases 2 to 5 that change the rows of the experiment, and the healthy
ones. A seed is another possible world. Its rows are made by the world's own
generator and judged by the code that gates run, with the plan's limits and
Holm's correction, but below pytest: nothing is served, signed or remembered.
They stay in memory, and arms of arrays give the bounds of arms of a table (see
tests/unit/experiment); a suite that is replayed is asked of its table. Whether
units are in two arms, and whether the hash put them there, is no matter of
chance: tests/promises/test_oracle_experiments.py has those rows.

    python tests/benchmarks/oracle.py --seeds 200                 every row
    python tests/benchmarks/oracle.py --seeds 20 --phase phase2   some
    python tests/benchmarks/oracle.py --table                     what was found so far, as docs/oracle-measured.md

What was found stays in a file, and a seed that is in it is not judged again,
so a run that was stopped goes on where it was. Several processes may share
it, each with `--of 2 --part 0` and its like.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np

from pytest_rollout.arms import Arms
from pytest_rollout.claim_facts import Truth
from pytest_rollout.claims import Claim
from pytest_rollout.decisions import Decision
from pytest_rollout.experiment.arrays import ArraySamples
from pytest_rollout.experiment.assignment import Assignment
from pytest_rollout.experiment.samples import Cell, Measure
from pytest_rollout.experiment.table import Span
from pytest_rollout.plan.environment import Environment, SourceConfig
from pytest_rollout.plan.experiment import CONTROL, LAST_DAY
from pytest_rollout.plan.load import load_plan
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Budget, Phase
from pytest_rollout.readings import Readings
from pytest_rollout.remembered import Remembered
from pytest_rollout.soundness import claim_of
from pytest_rollout.sources import BUILT_IN
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.stages import Standing
from pytest_rollout.stats.moments import Moments
from pytest_rollout.stats.multiplicity import holm
from pytest_rollout.stats.proportion import once
from pytest_rollout.triggers import FAMILY_LEVEL
from pytest_rollout.waiting import Waiting
from pytest_rollout.winner import winner
from pytest_rollout.world import event_rows
from pytest_rollout.world.event_file import make_events
from pytest_rollout.world.event_rows import Drawn, Shown, columns_of, drawn
from pytest_rollout.world.events import Events
from pytest_rollout.world.load import load_world
from pytest_rollout.world_past import Lived

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.oracle import Row
from support.oracle import rows as rows_of

REPOSITORY = Path(__file__).parents[2]
ROLLOUT = REPOSITORY / "gates" / "dual_memory"
FOUND = REPOSITORY / ".rollout" / "oracle.jsonl"
SECOND = timedelta(seconds=1)
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
EXACT = {"contamination", "assignment"}
"""Gates that chance has no part in."""
CERTAIN = {"short_suite"}
"""Faults that it has none in, though they change rows."""
TRIGGERS: Mapping[str, tuple[str, Callable[[Arms], Claim]]] = {
    "5 %": ("test_nobody_waits_longer_at_first", lambda arms: arms.comparison("query_latency").p99.delta < "10 ms"),
    "25 %": ("test_no_more_recalls_fail", lambda arms: arms.comparison("query_errors").rate.delta < "0.1 pp"),
    "50 %": ("test_answers_stay_as_sure", lambda arms: arms.comparison("query_confidence").mean.delta > -0.05),
    "": ("test_answers_stay_as_sure", lambda arms: arms.comparison("query_confidence").mean.delta > -0.05),
}
"""What takes phase 4 back at one of its stages; the last is shown where an environment names none."""


def rows(plan: Plan) -> Iterator[Row]:
    """The lines that chance decides: healthy ones, and faults that change rows."""
    world = load_world(ROLLOUT / "world.py")
    for row in rows_of("dual_memory"):
        changed = world.faults[row.fault].events.get(row.phase) if row.fault in world.faults else None
        by_chance = not row.fault or (changed is not None and not row.gates & EXACT and row.fault not in CERTAIN)
        if plan.phases[row.phase].compares and by_chance:
            yield row


@dataclass(frozen=True)
class InMemory:
    """The rows of one metric as arrays, in the place of a table that is asked late."""

    arrays: ArraySamples
    name: str
    span: Span

    @property
    def samples(self) -> InMemory:
        """In the place of the table, of which a comparison asks how long its time is."""
        return self

    @property
    def of_numbers(self) -> bool:
        """Numbers, whatever the column holds: no mean of a column of booleans is asked."""
        return True

    def moments(self, measure: Measure) -> Mapping[Cell, Moments]:
        return self.arrays.moments(measure)

    def units_in_all(self) -> Mapping[str, int]:
        return self.arrays.units_in_all()

    def ranked(self, ranks: Mapping[Cell, Sequence[int]]) -> Mapping[Cell, tuple[float, ...]]:
        return self.arrays.ranked(ranks)


@dataclass(frozen=True)
class ArmsInMemory(Arms):
    """The experiment of a phase whose rows are arrays: `columns` by name, `labels` the arms in their order."""

    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    labels: Sequence[str] = ()
    began: datetime = AT
    places: dict[str, Mapping[Cell, tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)

    def _distrust(self, rows: InMemory, metric: Metric, arm: str) -> None:
        """Chance has no part in how old rows are and whose; runs of the gates show that."""

    def _rows(self, metric: Metric, span: Span) -> InMemory:
        samples = metric.samples
        assert samples is not None
        column = self.columns[samples.column]
        late = self.columns[samples.timed_out] if samples.timed_out else None
        values, units = {}, {}
        for cell, (places, unit) in self._cells(span).items():
            found = column[places].astype(np.float64)
            if late is not None:
                # As in a table: what never ended is endless, and one more failure among things that fail or do not.
                found[late[places]] = 1.0 if column.dtype == bool else np.inf
            values[cell], units[cell] = found, unit
        return InMemory(ArraySamples(values, units, dict.fromkeys(values, 0)), metric.name, span)

    def _cells(self, span: Span) -> Mapping[Cell, tuple[np.ndarray, np.ndarray]]:
        """Where the rows of each arm and stage are, and of which units; the same for every metric."""
        key = repr(span)
        if key not in self.places:
            seconds = self.columns["seconds"]
            first, last = ((end - self.began) / SECOND for end in (span.start, span.end))
            kept = np.flatnonzero((seconds > first) & (seconds <= last))
            by = self.columns["space" if self.experiment.unit == "space_id" else "query_id"][kept]
            unit = (by - by.min()).astype(np.intp)
            starts = [(since - self.began) / SECOND for since in span.stages.values()]
            stage = np.searchsorted(starts[1:], seconds[kept], side="left") if starts else np.zeros(len(kept), np.intp)
            arm, names = self.columns["arm"][kept], list(span.stages) or [""]
            mine = {
                (label, name): np.flatnonzero((arm == number) & (stage == place))
                for number, label in enumerate(self.labels)
                for place, name in enumerate(names)
            }
            self.places[key] = {cell: (kept[each], unit[each]) for cell, each in mine.items()}
        return self.places[key]


@dataclass(frozen=True)
class Placed:
    """An assignment that remembers: where the hash puts a unit is no matter of the seed."""

    arm: Callable[[str], str | None]


def remembered(assigning: Callable[[Events, float], Assignment]) -> Callable[[Events, float], Placed]:
    """Every assignment once, by what it says."""
    known: dict[str, Placed] = {}

    def once_only(events: Events, percent: float) -> Placed:
        found = assigning(events, percent)
        return known.setdefault(repr(found), Placed(cache(found.arm)))

    return once_only


@dataclass(frozen=True)
class Sound:
    """A seed's world without a fault."""

    seed: int
    columns: Mapping[str, np.ndarray]
    claims: Mapping[str, Claim]


class Worlds:
    """Judges rows of the table in one world after the other; what a seed has made is kept for its other faults."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        event_rows._assigning = remembered(event_rows._assigning)
        self._drawn: dict[str, Drawn] = {}
        self._sound: dict[str, Sound] = {}
        self._seed = 0

    def judged(self, row: Row, seed: int) -> tuple[int, list[str]]:
        """The exit code that the experiment alone would give, and the gates against the release."""
        phase = self.plan.phases[row.phase]
        stage = self.plan.environments[row.environment].stage
        lived = Lived(
            plan=self.plan, environment=row.environment, at=AT, phases=[row.phase], stage=stage, fault="", baselines={}
        )
        told = lived.shown()
        assert told is not None
        shown = Shown(start=told.start, end=AT, traffic=list(told.traffic) or [(0.0, 0.0)])
        world = load_world(ROLLOUT / "world.py").with_fault(row.fault or None).showing(row.phase)
        events = world.events[row.phase]
        waiting = _waiting(phase, shown, staged=bool(told.traffic))
        columns = columns_of(events, shown, seed, self._made(events, shown, seed))
        with ExitStack() as stack:
            readings = stack.enter_context(_readings(self.plan, phase, events, shown, seed))
            table = Arms(self.plan, phase, waiting, readings) if events.replays_worse else None
            arms = ArmsInMemory(
                self.plan,
                phase,
                waiting,
                readings,
                columns=columns,
                labels=list(events.labels),
                began=shown.start,
            )
            found = claims(arms, table, phase, stage, self._same(row, columns, seed))
        if not row.fault:
            self._sound[f"{row.phase} {row.environment}"] = Sound(seed, columns, found)
        return decided(phase, self.plan.metrics, found)

    def _same(self, row: Row, columns: Mapping[str, np.ndarray], seed: int) -> Callable[[Metric, str], Claim | None]:
        """What the healthy world's rows claimed, of metrics in which this one has the very same."""
        sound = self._sound.get(f"{row.phase} {row.environment}")

        @cache
        def same(*names: str) -> bool:
            return sound is not None and all(np.array_equal(columns[each], sound.columns[each]) for each in names)

        def known(metric: Metric, gate: str) -> Claim | None:
            samples = metric.samples
            assert samples is not None
            if sound is None or sound.seed != seed or not same("arm", "space", "query_id", "seconds"):
                return None
            names = [samples.column, *([samples.timed_out] if samples.timed_out else [])]
            return sound.claims.get(gate) if same(*names) else None

        return known

    def _made(self, events: Events, shown: Shown, seed: int) -> Drawn:
        """What chance made, which neither effects nor the assignment change."""
        if seed != self._seed:
            self._drawn, self._seed = {}, seed
        plain = replace(
            events, effects={}, unlogged=0, in_both=0, reassigned=False, replays=0, shares={}, holdback=0, salt="-"
        )
        key = repr((plain, round(shown.seconds)))
        if key not in self._drawn:
            self._drawn[key] = drawn(events, shown, seed)
        return self._drawn[key]


def _waiting(phase: Phase, shown: Shown, *, staged: bool) -> Waiting:
    traffic = list(shown.traffic) if staged else []
    remembered = Remembered(
        started=shown.start, traffic=tuple((percent, shown.start + since * SECOND) for percent, since in traffic)
    )
    percent = traffic[-1][0] if traffic else None
    standing = Standing(phase=phase, percent=percent, since=shown.start, reached=percent, at=AT)
    return Waiting(phase=phase, standing=standing, past=remembered, at=AT, folder=Path(), environment="demo")


@contextmanager
def _readings(plan: Plan, phase: Phase, events: Events, shown: Shown, seed: int) -> Iterator[Readings]:
    """The sources of the experiment, whose table is made when it is asked for the first time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.duckdb"

        class Lazy(AnswerBook):
            def share(self, *asked: object, **more: object) -> object:
                if not file.exists():
                    make_events(events, shown, seed=seed, file=file, cache=Path(folder) / "cache")
                return super().share(*asked, **more)

        sources = {
            name: SourceConfig(
                name=name, kind="sql", options={"url": f"duckdb:///{file}"}, place=phase.place, places={}
            )
            for name in ("recalls", "replays")
        }
        environment = Environment(name="oracle", world=None, target="", flags=None, sources=sources, place=phase.place)
        yield Readings(plan, environment, AT, Lazy())


def claims(
    arms: Arms, table: Arms | None, phase: Phase, stage: str, known: Callable[[Metric, str], Claim | None]
) -> dict[str, Claim]:
    """What the gates of the phase that look at rows claim, by the gate; `known` are claims of the very same rows."""
    found = {}
    for budget in phase.budgets.values():
        if budget.against == CONTROL:
            found[budget.name] = known(arms.plan.metrics[budget.metric], budget.name) or _claimed(arms, budget)
    for line in phase.experiment_lines:
        if line not in EXACT:
            budget = phase.budgets.get(line.removesuffix(LAST_DAY))
            same = known(arms.plan.metrics[budget.metric], line) if budget else None
            found[line] = same or claim_of(arms, line)
    if phase.name == "phase2" and table is not None:
        found["test_known_answers_are_found_as_well"] = table.comparison("replay_recall").paired > -0.01
        found["test_known_answers_are_found_as_well, precision"] = table.comparison("replay_precision").paired > -0.01
    if phase.name == "phase4":
        name, trigger = TRIGGERS[stage]
        found[name] = trigger(arms)
    if phase.name == "phase5":
        weights = ("w020", "w025", "w030")
        found["test_one_weight_wins"] = winner(arms, "query_confidence", "mean", frozenset(), among=weights)
        for name, arm in (("test_forming_every_hour_is_often_enough", "f30"), ("test_coherence_is_low_enough", "c080")):
            found[name] = arms.comparison("query_confidence", arm).mean.delta < 0.01
        for arm in weights:
            found[f"test_no_weight_is_slower[{arm}]"] = arms.comparison("query_latency", arm).p99.delta < "10 ms"
    return found


def _claimed(arms: Arms, budget: Budget) -> Claim:
    sides = arms.comparison(budget.metric).statistic(budget.what)
    return budget.limit.claim(sides.lift if budget.lift else sides.delta)


def decided(phase: Phase, metrics: Mapping[str, Metric], made: dict[str, Claim]) -> tuple[int, list[str]]:
    """The exit code and the gates, by the rules of a verdict.

    The family of Holm's correction is that of a run in which nothing else is
    wrong: every line that can take the release back and rests on samples.
    """
    facts = {name: claim.facts for name, claim in made.items()}
    bad = [name for name, fact in facts.items() if fact.truth is not Truth.PROVEN]
    triggers = {name for name, _ in TRIGGERS.values()} & facts.keys()
    taking_back = [name for name in bad if name in triggers or facts[name].decision is Decision.ROLLBACK]
    firing = [name for name in taking_back if facts[name].truth is Truth.REFUTED]
    sampled = [budget for budget in phase.budgets.values() if budget.against or metrics[budget.metric].ratio]
    family = sum(budget.limit.can_roll_back() for budget in sampled)
    family += sum(name.endswith(LAST_DAY) for name in phase.experiment_lines) + len(triggers)
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
    parser.add_argument("--of", type=int, default=1, help="of so many processes")
    parser.add_argument("--part", type=int, default=0, help="this is the one that has every seed with this remainder")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    plan = load_plan(ROLLOUT / "rollout.yaml", kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)
    if options.table:
        print(table(list(rows(plan)), read(options.file)))
        return
    options.file.parent.mkdir(parents=True, exist_ok=True)
    known = {(each["row"], each["seed"]) for each in read(options.file)}
    worlds, every = Worlds(plan), list(rows(plan))
    for seed in range(1, options.seeds + 1):
        if seed % options.of != options.part:
            continue
        for row in every:
            wanted = (options.phase in {"", row.phase}, options.environment in {"", row.environment})
            named = options.fault in {None, row.fault or "healthy"}
            if not all(wanted) or not named or (row.name, seed) in known:
                continue
            began = time.process_time()
            code, bad = worlds.judged(row, seed)
            line = {"row": row.name, "seed": seed, "exit": code, "right": is_right(row, code, bad), "bad": bad}
            with options.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**line, "cpu": round(time.process_time() - began, 1)}) + "\n")
            print(row.name, seed, code, "right" if line["right"] else f"WRONG: {bad}", flush=True)


def read(file: Path) -> list[dict]:
    """What was found so far."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def table(every: list[Row], found: list[dict]) -> str:
    """A line a row: how many seeds, how many were right, which exit codes there were.

    "at least" is the lower bound of the share that is right, exact and 95 % sure (Clopper & Pearson 1934).
    """
    heads = ["world", "phase", "environment", "seeds", "right", "at least", "exit codes", "s a seed"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in every:
        mine = [each for each in found if each["row"] == row.name]
        codes = sorted({each["exit"] for each in mine})
        told = ", ".join(f"{code}: {sum(each['exit'] == code for each in mine)}" for code in codes)
        right = sum(each["right"] for each in mine)
        fault = f"`{row.fault}`" if row.fault else "healthy"
        cells = [fault, row.phase[-1], row.environment, str(len(mine))]
        if mine:
            sure = once(right, len(mine), confidence=0.95).low
            cost = sum(each["cpu"] for each in mine) / len(mine)
            cells += [f"{right / len(mine):.1%}", f"{sure:.1%}", told, f"{cost:.1f}"]
        else:
            cells += ["-"] * 4
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
