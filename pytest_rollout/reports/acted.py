"""Acted: what was done about a verdict, or would be, as lines above the last one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_rollout.actions.outcome import LOUD, Outcome, State
from pytest_rollout.reports.table import plain

_LONGEST = 160


def outcome_lines(outcomes: Mapping[tuple[str, str], Outcome]) -> Iterator[str]:
    """What stands above the last line of a run."""
    for (rollout, phase), outcome in outcomes.items():
        yield f"{headline(outcome)} · {plain(rollout)} {plain(phase)}"
        for step in outcome.steps:
            state = "" if step.state is State.SHOWN else f" · {step.state}"
            yield f"  {_short(step.does)}{state}" + (f" · {_short(step.what)}" if step.what else "")
            if step.backup:
                yield f"    backup: {plain(step.backup)}"
        for seen in outcome.verified:
            yield f"  then {plain(seen.text)}{_held(seen.held, plain(seen.seen))}"


def headline(outcome: Outcome) -> str:
    """`ON_ROLLBACK  done`, with how long it took, or why nothing was done; failures cannot be overlooked."""
    event = outcome.event.upper()
    if outcome.state is State.SHOWN:
        return f"{event}  not done ({plain(outcome.why)})"
    took = "" if outcome.seconds is None else f" in {outcome.seconds:.1f} s of {outcome.rto_seconds:g} s"
    why = f": {plain(outcome.why)}" if outcome.why else ""
    word = outcome.state.upper() if outcome.state in LOUD else outcome.state
    return f"{event}  {word}{took}{why}"


def failures(outcomes: Mapping[tuple[str, str], Outcome]) -> str:
    """What the last line says of actions that failed; empty where none did."""
    loud = [f"{each.event} {each.state.upper()}" for each in outcomes.values() if each.state in LOUD]
    return " · ".join(dict.fromkeys(loud))


def _short(text: str) -> str:
    """A text that fits a screen; the receipt has all of it."""
    text = plain(text)
    if len(text) <= _LONGEST:
        return text
    cut = max(text.rfind(mark, 0, _LONGEST) for mark in (", ", "; ", " "))
    return f"{text[: cut if cut > 0 else _LONGEST].rstrip(' ,;')} … (all of it: verdict.json)"


def _held(held: bool | None, seen: str) -> str:
    if held is None:
        return ""
    return f" · {'yes' if held else 'NO'}" + (f", {seen}" if seen else "")
