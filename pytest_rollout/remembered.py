"""Remembered: what the ledger and the signatures say of one phase, as of one instant.

Plain facts that travel as JSON: they are part of the evidence, so a replay
judges time and people by what was known then. Nothing is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Signed:
    """How far one role has signed: how many must, who has, and why other signatures do not count."""

    needed: int
    by: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a person has said and signed: never a measurement."""

    says: str
    by: str
    at: str


@dataclass(frozen=True, kw_only=True)
class Streak:
    """How many days (or hours) in a row were good, and what ended the row before; empty for nothing.

    `unknown` says why there can be no such row; empty where there can.
    """

    count: int
    why: str = ""
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """One phase's past.

    Args:
        known: Whether the ledger knew of the rollout before this run; where it did not, nothing is known to be absent.
        before: PROCEED for each phase before this one that is over, by its name; why it is not, as a sentence, for
            others; nothing where it was never judged.
        started: When the phase began; None where this run is its first.
        begun: Since when it lasts as it is: since it began, or its traffic came, or came again after a rollback; None
            where nothing says so.
        released: When the release was in, as far as references go: from when to when, and None for still.
        percent: The traffic that the ledger last heard of; None where it never did.
        reached: The traffic that was last reached through every stage; None where the ledger heard of none.
        over: Whether a run there has said PROCEED since the traffic came, where it is a stage.
        traffic: Every percentage since the phase began, with its beginning, in their order.
        since: Since when the traffic is what it is now, in this phase; None where this run sees it for the first time.
        green: Green days up to now.
        clean: Clean hours up to now.
        incidents: Open incidents that count, as sentences.
        interventions: What was done by hand since the phase began, as sentences.
        rollbacks: How often the release was taken back since the phase began.
        evaluations: How often the phase was judged before.
        signed: How far each role has signed for what comes next.
        statements: What people have signed, by topic.
        refused: Why other statements do not count, by topic.
        unsigned: Why nothing is known of any signature; empty where it is.
    """

    known: bool = False
    before: Mapping[str, str] = field(default_factory=dict)
    started: datetime | None = None
    begun: datetime | None = None
    released: tuple[tuple[datetime, datetime | None], ...] = ()
    percent: float | None = None
    reached: float | None = None
    over: bool = True
    traffic: tuple[tuple[float, datetime], ...] = ()
    since: datetime | None = None
    green: Streak = Streak(count=0)
    clean: Streak = Streak(count=0)
    incidents: tuple[str, ...] = ()
    interventions: tuple[str, ...] = ()
    rollbacks: int = 0
    evaluations: int = 0
    signed: Mapping[str, Signed] = field(default_factory=dict)
    statements: Mapping[str, Statement] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    unsigned: str = ""

    def as_json(self) -> dict[str, object]:
        """The facts as JSON values."""
        times = {name: moment.isoformat() if moment else None for name, moment in self._times().items()}
        traffic = [[percent, since.isoformat()] for percent, since in self.traffic]
        released = [[since.isoformat(), to.isoformat() if to else None] for since, to in self.released]
        return {**asdict(self), **times, "traffic": traffic, "released": released}

    def _times(self) -> dict[str, datetime | None]:
        return {"started": self.started, "begun": self.begun, "since": self.since}

    @classmethod
    def from_json(cls, found: object) -> Remembered:
        """Read what `as_json` wrote.

        Raises:
            ValueError: It is something else.
        """
        if not isinstance(found, dict) or found.keys() != {each.name for each in fields(cls)}:
            raise ValueError("what was remembered is no record of this version")
        try:
            return cls(
                known=found["known"] is True,
                before={str(name): str(decision) for name, decision in found["before"].items()},
                started=_moment(found["started"]),
                begun=_moment(found["begun"]),
                released=tuple((_zoned(since), _moment(to)) for since, to in found["released"]),
                percent=_number(found["percent"]),
                reached=_number(found["reached"]),
                over=found["over"] is True,
                traffic=tuple((float(percent), _zoned(since)) for percent, since in found["traffic"]),
                since=_moment(found["since"]),
                green=Streak(**found["green"]),
                clean=Streak(**found["clean"]),
                incidents=tuple(map(str, found["incidents"])),
                interventions=tuple(map(str, found["interventions"])),
                rollbacks=int(found["rollbacks"]),
                evaluations=int(found["evaluations"]),
                signed={
                    str(role): Signed(needed=int(one["needed"]), by=tuple(one["by"]), refused=tuple(one["refused"]))
                    for role, one in found["signed"].items()
                },
                statements={str(topic): Statement(**one) for topic, one in found["statements"].items()},
                refused={str(topic): str(why) for topic, why in found["refused"].items()},
                unsigned=str(found["unsigned"]),
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"what was remembered is damaged: {error}") from None


def _number(found: float | None) -> float | None:
    return None if found is None else float(found)


def _moment(text: object) -> datetime | None:
    return None if text is None else _zoned(text)


def _zoned(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return moment
