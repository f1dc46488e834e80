"""Acting: what a plan says is done once a verdict is final, done and verified, or only shown.

An action changes the system and never the verdict. It is done only where
somebody said so on the command line, only for a live run, and only after the
verdict can no longer change; whether it worked is asked of the system again,
and how long that took is measured from the decision.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pytest_rollout.actions import ACTION_KINDS
from pytest_rollout.actions.outcome import Outcome, Seen, State, Step
from pytest_rollout.actions.protocol import PERCENTAGE, Action, Site, words_in, written
from pytest_rollout.decisions import Decision, ExitCode
from pytest_rollout.errors import PlanError, Problem, RolloutError
from pytest_rollout.occasion import EVENT, LEAST_SECONDS, Occasion
from pytest_rollout.plan.environment import SourceConfig
from pytest_rollout.plan.expand import expand_actions
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Condition, Response
from pytest_rollout.plan.responses import options_filled
from pytest_rollout.quantities import format_number, with_unit
from pytest_rollout.readings import Readings
from pytest_rollout.sources.document import first_line
from pytest_rollout.stages import TOLERANCE

_CODES = {Decision.ROLLBACK: ExitCode.ROLLBACK, Decision.PROCEED: ExitCode.PROCEED}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """The time that passes, the hour that it is, and how to wait; injected, so that tests need not."""

    elapsed: Callable[[], float] = time.monotonic
    now: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep


def shown(occasion: Occasion, why: str) -> Outcome | None:
    """What would be done about a verdict; None where the plan says nothing."""
    response = occasion.response
    if response is None:
        return None
    steps = tuple(Step(kind=each.kind, does=_does(occasion, each), state=State.SHOWN) for each in response.actions)
    return Outcome(
        event=EVENT[occasion.verdict.decision],
        state=State.SHOWN,
        steps=steps,
        verified=tuple(Seen(text=_said(each, occasion.percentage), held=None) for each in response.verify),
        rto_seconds=occasion.rto,
        percentage=occasion.percentage,
        why=why,
    )


def hindrance(occasion: Occasion, *, exit_code: int) -> str:
    """Why nothing may be done about a verdict, whatever the command line says; empty where it may.

    Args:
        occasion: The verdict.
        exit_code: What the process returns: anything but the verdict's own code means that it is not final.
    """
    wanted = _CODES.get(occasion.verdict.decision)
    if wanted is None or exit_code != wanted:
        return f"the run ends with exit code {exit_code}, so its verdict is not final"
    response = occasion.response
    options: list[object] = [each.options for each in response.actions] if response else []
    options += [each.value for each in response.verify] if response else []
    if occasion.percentage is None and any(PERCENTAGE in words_in(each) for each in options):
        return "nobody knows the percentage that the traffic goes to"
    return ""


def act(occasion: Occasion, *, since: float, clocks: Clocks) -> Outcome:
    """Do what the plan says, and see whether it worked; whatever breaks is in the outcome, and nothing is raised.

    Going back, every action is tried, whatever became of those before it.
    Going on, the first that fails is the last.

    Args:
        occasion: A verdict that the plan responds to, and nothing hinders.
        since: When it was decided, on the clock that counts.
        clocks: The clocks.
    """
    told = shown(occasion, "")
    response = occasion.response
    assert told is not None
    assert response is not None
    try:
        actions = _opened(occasion, response)
        steps = _performed(occasion, actions, response, since, clocks)
        seen, seconds = _verified(occasion, response, since, clocks)
    except Exception as error:  # noqa: BLE001 - the verdict stands whatever an action breaks
        why = f"{type(error).__name__}: {first_line(str(error))}"
        return replace(told, state=State.FAILED, why=why)
    return _concluded(replace(told, steps=steps, verified=seen, seconds=seconds))


def _concluded(outcome: Outcome) -> Outcome:
    failed = [step for step in outcome.steps if step.state is State.FAILED]
    if failed:
        return replace(outcome, state=State.FAILED, why=f"{failed[0].does}: {failed[0].what}")
    if outcome.seconds is None:
        missing = next(each for each in outcome.verified if not each.held)
        why = f"it was done, and is not seen to have worked: {missing.text}, not {missing.seen or 'what was seen'}"
        return replace(outcome, state=State.FAILED, why=why)
    if outcome.seconds > outcome.rto_seconds:
        why = f"verified {outcome.seconds:.1f} s after the decision, and {outcome.rto_seconds:g} s are allowed"
        return replace(outcome, state=State.LATE, why=why)
    state = State.DONE if any(step.state is State.DONE for step in outcome.steps) else State.ALREADY
    return replace(outcome, state=state)


def check_actions(plan: Plan, phases: tuple[str, ...]) -> int:
    """How many responses the phases have, their variables all set.

    Raises:
        PlanError: Every variable that is missing.
    """
    problems: list[Problem] = []
    found = 0
    for phase in (plan.phases[name] for name in phases if name in plan.phases):
        for response in phase.responses.values():
            found += 1
            try:
                expand_actions(response.actions, os.environ)
            except PlanError as error:
                problems += error.problems
    if problems:
        raise PlanError(list(dict.fromkeys(problems)))
    return found


def _opened(occasion: Occasion, response: Response) -> list[Action]:
    # A world is told nothing of this machine's variables: what it has of its own needs none.
    stated = response.actions if occasion.site.embedded else expand_actions(response.actions, os.environ)
    return [_open(occasion, each) for each in stated]


def _open(occasion: Occasion, stated: SourceConfig) -> Action:
    options = options_filled(stated.options, occasion.words)
    return ACTION_KINDS[stated.kind].open(options, occasion.plan.folder)


def _does(occasion: Occasion, stated: SourceConfig) -> str:
    try:
        return _open(occasion, stated).does
    except RolloutError as error:
        return f"{stated.kind}: {first_line(str(error))}"


def _performed(
    occasion: Occasion, actions: list[Action], response: Response, since: float, clocks: Clocks
) -> tuple[Step, ...]:
    going_back = occasion.verdict.decision is Decision.ROLLBACK
    already = not all(each.repeatable for each in actions) and all(
        each.held for each in _looked(occasion, response, clocks.now())
    )
    steps: list[Step] = []
    for stated, action in zip(response.actions, actions, strict=True):
        step = Step(kind=stated.kind, does=action.does, state=State.DONE)
        if not going_back and any(each.state is State.FAILED for each in steps):
            step = replace(step, state=State.SKIPPED, what="the action before it failed")
        elif already and not action.repeatable:
            step = replace(step, state=State.ALREADY, what="all that it is for holds already")
        else:
            left = occasion.rto - (clocks.elapsed() - since)
            step = _done(step, action, replace(occasion.site, seconds=max(left, LEAST_SECONDS)))
        steps.append(step)
    return tuple(steps)


def _done(step: Step, action: Action, site: Site) -> Step:
    try:
        done = action.perform(site)
    except Exception as error:  # noqa: BLE001 - whatever an action breaks is told, and the next one is tried
        told = str(error) if isinstance(error, RolloutError) else f"{type(error).__name__}: {first_line(str(error))}"
        return replace(step, state=State.FAILED, what="; ".join(told.splitlines()))
    state = State.DONE if done.changed else State.ALREADY
    return replace(step, state=state, what=done.what, backup=done.backup, before=done.before, after=done.after)


def _verified(
    occasion: Occasion, response: Response, since: float, clocks: Clocks
) -> tuple[tuple[Seen, ...], float | None]:
    """What the conditions say once they all hold, and after how long; as last seen where they do not in time."""
    pause = _FIRST_PAUSE
    while True:
        seen = _looked(occasion, response, clocks.now())
        seconds = clocks.elapsed() - since
        if all(each.held for each in seen):
            return seen, seconds
        left = occasion.rto - seconds
        if left <= 0:
            return seen, None
        clocks.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _looked(occasion: Occasion, response: Response, now: datetime) -> tuple[Seen, ...]:
    readings = occasion.read(now)
    return tuple(_seen(each, readings, occasion) for each in response.verify)


def _seen(condition: Condition, readings: Readings, occasion: Occasion) -> Seen:
    """One condition asked of the system; what nobody knows does not hold."""
    text = _said(condition, occasion.percentage)
    try:
        found = readings.metric(condition.metric) if condition.metric else readings.flag(condition.flag)
    except RolloutError as error:
        return Seen(text=text, held=False, seen=first_line(str(error)))
    unit = getattr(found, "unit", "")
    value = found.value
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return Seen(text=text, held=False, seen=f"unknown: {found.why}")
    told = with_unit(format_number(value), unit) if not isinstance(value, bool | str) else written(value)
    return Seen(text=text, held=_holds(condition, value, occasion), seen=told)


def _holds(condition: Condition, value: object, occasion: Occasion) -> bool:
    wanted = condition.number if not words_in(condition.value) else occasion.percentage
    if wanted is None:
        return condition.what == "is" and type(value) is type(condition.value) and value == condition.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    near = abs(value - wanted) <= TOLERANCE
    return near or {"is": False, "at_most": value < wanted, "at_least": value > wanted}[condition.what]


def _said(condition: Condition, percentage: float | None) -> str:
    words = {"is": "is", "at_most": "is at most", "at_least": "is at least"}
    percent = "the percentage" if percentage is None else f"{percentage:g}" + (" %" if condition.metric else "")
    value = percent if words_in(condition.value) else written(condition.value)
    return f"{condition.metric or condition.flag} {words[condition.what]} {value}"
