"""Guide: a rollout for its readers, as Markdown that is made from the plan and so cannot say anything else.

Two tables: the phases (what each is, how long, who signs, how often it is
looked at) and every budget (its levels, what crossing each asks for, and what
to do). What is written in Python has words of its own, and is not in here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pytest_rollout.errors import UsageError
from pytest_rollout.limits import Level
from pytest_rollout.plan.experiment import CONTROL
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Budget, Phase
from pytest_rollout.quantities import format_duration, format_number, with_unit
from pytest_rollout.reports.escape import markdown_code as code
from pytest_rollout.reports.escape import markdown_text as text

BEGIN, END = "<!-- guide -->", "<!-- end of guide -->"
"""What stands around the guide on a page that has other words, too."""
_NOTHING = "\N{EN DASH}"


def guide(plan: Plan, page: Path | None = None) -> str:
    """The tables of a plan.

    Args:
        plan: The plan.
        page: The page on which they will stand, for links to a runbook, which are paths from the working directory.
    """
    tables = (_phases(plan), _budgets(plan, page.parent if page else Path()))
    return "\n".join(line for table in tables if table for line in (*table, ""))


def placed(page: str, where: Path, made: str) -> str:
    """A page with the guide between its marks.

    Args:
        page: The page's text.
        where: Its name, for messages.
        made: The guide.

    Raises:
        UsageError: The page has no such marks, or more than one pair of them.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise UsageError(
            f"{where}: it has not one '{BEGIN}' with one '{END}' after it\n  write both where the guide goes"
        )
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{made}{END}{rest.partition(END)[2]}"


def _phases(plan: Plan) -> list[str]:
    columns: Mapping[str, Callable[[Phase], str]] = {
        "phase": lambda phase: code(phase.name),
        "what": lambda phase: text(phase.title),
        "traffic": _traffic,
        "after": lambda phase: ", ".join(map(code, phase.conditions.after)),
        "at least": lambda phase: format_duration(phase.conditions.minimum) if phase.conditions.minimum else "",
        "in a row": _streaks,
        "looked at": _looks,
        "holds for": _holds,
        "said by somebody": _statements,
        "signs": lambda phase: _roles(phase.conditions.approvals),
        "checkpoint": lambda phase: text(phase.checkpoint.name) if phase.checkpoint else "",
    }
    rows = [[column(phase) for column in columns.values()] for phase in plan.phases.values()]
    used = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    heads = [list(columns)[place] for place in used]
    return _table(heads, ([row[place] or _NOTHING for place in used] for row in rows))


def _statements(phase: Phase) -> str:
    return "; ".join(f"{text(topic)}: “{text(said)}”" for topic, said in phase.conditions.statements.items())


def _traffic(phase: Phase) -> str:
    if not phase.stages:
        return "" if phase.traffic is None else f"{phase.traffic:g} %"
    return ", ".join(
        stage.name
        + (f" for {format_duration(stage.hold)}" if stage.hold else "")
        + (f" (signed by {_roles(stage.approvals)})" if stage.approvals else "")
        for stage in phase.stages
    )


def _roles(roles: Mapping[str, int]) -> str:
    return ", ".join(text(role) + (f" ({needed})" if needed > 1 else "") for role, needed in roles.items())


def _streaks(phase: Phase) -> str:
    green, clean = phase.conditions.green, phase.conditions.clean
    return " and ".join([*([f"{green} green days"] if green else []), *([f"{clean} clean hours"] if clean else [])])


def _looks(phase: Phase) -> str:
    return ", then ".join(
        f"every {format_duration(look.every)}" + (f" for {format_duration(look.lasting)}" if look.lasting else "")
        for look in phase.schedule
    )


def _holds(phase: Phase) -> str:
    stated = phase.conditions
    incidents = [f"an open incident of {text(stated.incidents)} or worse"] if stated.incidents else []
    by_hand = stated.interventions
    hands = [] if by_hand is None else ["any intervention" if by_hand == 0 else f"more than {by_hand} interventions"]
    return ", ".join([*incidents, *hands])


def _budgets(plan: Plan, page: Path) -> list[str]:
    """A row for each gate and limit; phases in which a limit is the same share one."""
    found: dict[tuple[str, tuple[Level, ...]], list[str]] = {}
    first: dict[tuple[str, tuple[Level, ...]], Budget] = {}
    for phase in plan.phases.values():
        for name, budget in phase.budgets.items():
            key = name, budget.limit.levels
            found.setdefault(key, []).append(phase.name.removeprefix("phase"))
            first.setdefault(key, budget)
    if not found:
        return []
    names = list(dict.fromkeys(name for name, _ in found))
    rows = (
        [code(key[0]), _about(plan, first[key]), ", ".join(found[key]), _levels(first[key]), _todo(key[1], page)]
        for key in sorted(found, key=lambda key: names.index(key[0]))
    )
    return _table(["gate", "what", "phases", "levels", "what to do"], rows)


def _about(plan: Plan, budget: Budget) -> str:
    metric = plan.metrics.get(budget.metric)
    title = text((metric.title if metric else "") or budget.metric)
    if budget.against == CONTROL:
        what = budget.what.upper() if re.fullmatch(r"p[\d.]+", budget.what) else budget.what
        return f"{title}: {text(what)} against the control"
    return f"{title}: against its {text(budget.against)}" if budget.against else title


def _levels(budget: Budget) -> str:
    return "; ".join(f"{text(level.name)} {_beyond(level, budget)}" for level in budget.limit.levels)


def _beyond(level: Level, budget: Budget) -> str:
    low, high = (
        "" if end in {float("inf"), float("-inf")} else text(with_unit(format_number(end), budget.limit.unit))
        for end in (level.low, level.high)
    )
    beyond = f"beyond {low} … {high}" if low and high else f"< {low}" if low else f"> {high}"
    held = f" for {format_duration(level.held)}" if level.held else ""
    return f"{beyond}{held}: {level.decision.value}" + (f" to {text(level.to)}" if level.to else "")


def _todo(levels: Sequence[Level], page: Path) -> str:
    """Each action once, as a link to the runbook where there is one."""
    shown = dict.fromkeys((level.action, level.runbook) for level in levels if level.action or level.runbook)
    return "; ".join(_link(action or "runbook", runbook, page) for action, runbook in shown)


def _link(words: str, runbook: str, page: Path) -> str:
    path, mark, section = runbook.partition("#")
    if not runbook or re.search(r"[\s()<>|]", runbook):
        return text(words)
    target = path if re.match(r"[a-z]+:", path) or not path else os.path.relpath(path, page).replace(os.sep, "/")
    return f"[{text(words)}]({target}{mark}{section})"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_row(heads), f"|{'---|' * len(heads)}", *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
