"""Asked: which records of a run's answers a claim rests on.

The run's answers lie in a folder, each in a file of its own, redacted when it
was written (see `sources/once.py`). A claim says its source and its query;
here the records that hold both are found. What does not fit is left out: a
report shows less, and never something else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.reports.pictures.distributions import Arm

_ROWS_OF = "rows of "
"""How a claim about an experiment begins its query; a column's name follows."""
_LARGEST_BYTES = 32 * 2**20


@dataclass(frozen=True, kw_only=True)
class Told:
    """One record: the key of its question, and what was said; `value` is None where it was an error."""

    key: tuple[str, ...]
    value: object
    error: str = ""

    @property
    def question(self) -> str:
        """What was asked, as the source was asked it."""
        return self.key[2] if len(self.key) > 2 else ""

    @property
    def response(self) -> str:
        """What was answered, as it came."""
        if self.value is None:
            return self.error
        body = self.value.get("body") if isinstance(self.value, dict) else None
        return body if isinstance(body, str) and body else json.dumps(self.value)

    @property
    def rows(self) -> list[list[object]]:
        """The answer as rows, where it has some."""
        found = self.value if isinstance(self.value, list) else []
        return [row for row in found if isinstance(row, list)]


@dataclass
class Asked:
    """The records of one rollout's folder; each file is read once, since none is ever changed."""

    folder: Path | None
    _seen: dict[str, Told | None] = field(default_factory=dict)

    def _all(self) -> Iterator[Told]:
        for path in sorted(self.folder.glob("*.json")) if self.folder and self.folder.is_dir() else ():
            if path.name not in self._seen:
                self._seen[path.name] = _told(path)
            if found := self._seen[path.name]:
                yield found

    def behind(self, claim: ClaimFacts) -> list[Told]:
        """The records a claim rests on: those of its query, or all of its experiment's column."""
        if not claim.source or not claim.query:
            return []
        if claim.query.startswith(_ROWS_OF):
            column = f'"{claim.query.removeprefix(_ROWS_OF)}"'
            return [each for each in self._all() if each.key[:2] == ("rows", claim.source) and column in each.question]
        return [each for each in self._all() if each.key[1:3] == (claim.source, claim.query)]


def _told(path: Path) -> Told | None:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return None
        record = json.loads(path.read_text("utf-8"))
        key = tuple(str(part) for part in record["key"])
        return Told(key=key, value=record.get("value"), error=str(record.get("error", "")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def window_of(records: Iterable[Told]) -> tuple[list[datetime], list[float], timedelta] | None:
    """The longest series among some records: times, values and its step; None where there is none."""
    found = None
    for told in records:
        answer = told.value if isinstance(told.value, dict) else {}
        times, values = answer.get("times"), answer.get("values")
        if len(told.key) < 6 or not isinstance(times, list) or not isinstance(values, list) or len(times) < 2:
            continue
        points = [
            (datetime.fromtimestamp(at / 1e6, UTC), float(value))
            for at, value in zip(times, values, strict=False)
            if isinstance(at, int) and isinstance(value, int | float)
        ]
        if points and (found is None or len(points) > len(found[0])):
            found = [at for at, _ in points], [value for _, value in points], timedelta(seconds=float(told.key[5]))
    return found


def arms_of(records: Iterable[Told], names: dict[int, str], n: int | None) -> list[Arm]:
    """Arms whose rows were counted in bins, from the one record that holds all rows of each.

    Args:
        records: Those behind a claim.
        names: What each arm's number means.
        n: The rows of the smallest arm, as the claim has it: other windows and parts of arms have others.
    """
    for told in records:
        bins: dict[int, list[tuple[float, float]]] = {}
        for row in told.rows:
            if len(row) != 4 or not all(isinstance(cell, int | float) for cell in row):
                break
            arm, count, _, upper = (float(cell) for cell in row if isinstance(cell, int | float))
            bins.setdefault(int(arm), []).append((upper, count))
        else:
            totals = [sum(count for _, count in each) for each in bins.values()]
            if len(bins) > 1 and set(bins) <= set(names) and n is not None and min(totals) == n:
                return [_arm(names[number], sorted(bins[number])) for number in sorted(bins)]
    return []


def _arm(name: str, bins: list[tuple[float, float]]) -> Arm:
    return Arm(name=name, values=tuple(value for value, _ in bins), counts=tuple(count for _, count in bins))


def units_of(records: Iterable[Told], share: float) -> list[float]:
    """How many units each arm has, control first, where the treated share is the claim's (0 to 1); else nothing."""
    for told in records:
        counted = [row[1] for row in sorted(told.rows, key=lambda row: str(row[0])) if len(row) >= 9]
        units = [float(each) for each in counted if isinstance(each, int | float)]
        total = math.fsum(units)
        whole = len(units) > 1 and len(units) == len(told.rows) and total > 0
        if whole and math.isclose(1 - units[0] / total, share, abs_tol=1e-9):
            return units
    return []
