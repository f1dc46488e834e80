"""Evaluations: what one look at a phase does to the period that it is in.

Pure: an entry's content in, a quality out. Only live evaluations count; what
is not understood is bad.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from pytest_rollout.decisions import WAITING, Decision, Reason

LIVE = "live"

_PATIENT = frozenset(str(reason) for reason in WAITING - {Reason.INFORMATION})
_GATHERING = frozenset(str(reason) for reason in WAITING)


class Quality(Enum):
    """What one evaluation does to its period."""

    GOOD = "good"
    GATHERING = "gathering"
    BAD = "bad"
    NOT_LIVE = "not live"


class Evaluation(NamedTuple):
    """One evaluation, as far as a streak looks: when, its quality, what was said, and at which stage.

    A tuple, because a year has thousands of them.
    """

    at: datetime
    quality: Quality
    said: str = ""
    stage: str = ""

    @property
    def proceeds(self) -> bool:
        """Whether it said PROCEED, and nothing against it."""
        return self.quality is Quality.GOOD and self.said == Decision.PROCEED.value


def outcome_of(content: str) -> tuple[Quality, str]:
    """The quality of an evaluation and what was said, from the JSON of its entry's body.

    One that cannot be read is bad.
    """
    try:
        body = json.loads(content)
        decision, reasons = str(body["decision"]), [str(each) for each in body["reasons"]]
        if body["mode"] != LIVE:
            return Quality.NOT_LIVE, str(body["mode"])
        quality = quality_of(decision, reasons, waiting=body["waiting"] is True)
    except (ValueError, LookupError, TypeError):
        return Quality.BAD, "an evaluation that cannot be read"
    return quality, f"{decision}[{', '.join(sorted(reasons))}]" if reasons else decision


def quality_of(decision: str, reasons: Iterable[str], *, waiting: bool) -> Quality:
    """What a decision with its reasons does to a streak.

    Args:
        decision: As in a receipt.
        reasons: Its codes, all of them.
        waiting: Whether the verdict was a healthy HOLD: nothing refuted.
    """
    codes = frozenset(reasons)
    if decision == Decision.PROCEED.value and not codes:
        return Quality.GOOD
    if decision != Decision.HOLD.value or not waiting or not codes:
        return Quality.BAD
    return Quality.GOOD if codes <= _PATIENT else Quality.GATHERING if codes <= _GATHERING else Quality.BAD
