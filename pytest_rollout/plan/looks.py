"""Looks: when a phase is looked at, and what is written up at its end, from the checked document.

Both are for people and for whatever starts runs: they change no verdict.
`rollout status` says which look is due, and `rollout checkpoint` writes what
a checkpoint holds.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_rollout.plan.nodes import Findings, Node
from pytest_rollout.plan.phase import Checkpoint, Look
from pytest_rollout.plan.shape import Shape, Text, duration
from pytest_rollout.plan.structures import Fields, RowsOf
from pytest_rollout.quantities import parse_duration

LOOK_KEYS: Mapping[str, Shape] = {
    "schedule": RowsOf(
        about="how often people look at the phase, from its start on, and at each new stage again",
        rows=Fields(
            about="one stretch of it",
            required={"every": duration("how often, such as 30m")},
            optional={"for": duration("for how long, such as 2h; the last stretch has no end")},
        ),
    ),
    "checkpoint": Fields(
        about="what is written up at the end of the phase",
        required={"name": Text(about="what people call it, such as hour 24")},
        optional={"held": duration("how much longer a HOLD means there, such as 24h")},
    ),
}
"""The keys of a phase that say when it is looked at."""


def build_schedule(phase: Node, findings: Findings) -> tuple[Look, ...]:
    """When a phase is looked at: stretch after stretch, each rarer than the one before."""
    rows = phase.fields["schedule"].items if "schedule" in phase.fields else ()
    found: list[Look] = []
    for number, row in enumerate(rows):
        if "every" not in row.fields:
            continue  # said where it is missing
        every, text = parse_duration(row.text_of("every")), row.text_of("for")
        last = number == len(rows) - 1
        if last and text:
            findings.at_key(
                row.fields["for"], "the last stretch ends, and nothing says what comes then", "remove 'for'"
            )
        elif not last and not text:
            findings.at(row, "a stretch without an end, and there are more behind it", "write 'for: 2h'")
        if text and parse_duration(text) < every:
            findings.at(row.fields["for"], "shorter than the time between two looks", "write a longer time")
        if found and every < found[-1].every:
            findings.at(row.fields["every"], "more often than before", "stretches stand from often to rare")
        found.append(Look(every=every, lasting=parse_duration(text) if text else None))
    return tuple(found)


def build_checkpoint(phase: Node) -> Checkpoint | None:
    """What is written up at the end of a phase; None where the plan says nothing."""
    node = phase.fields.get("checkpoint")
    if node is None or "name" not in node.fields:
        return None
    held = node.text_of("held")
    return Checkpoint(name=node.text_of("name"), held=parse_duration(held) if held else None)
