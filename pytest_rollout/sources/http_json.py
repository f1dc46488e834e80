"""HTTP JSON: a number out of a service's own answer.

The query is `/path?x=y#expression`. The path is fetched from the base URL;
the JMESPath expression after the first `#` selects a number, or
`{value: number, at: time}`, or a list of those. `null` and `[]` are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from pytest_rollout.clock import utc_now
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import answers_now, parse_json
from pytest_rollout.sources.fetch import SERVICE_OPTIONS, Service
from pytest_rollout.sources.protocol import Answer, OptionValue, Question, Sample, SourceKind, unable
from pytest_rollout.sources.selected import samples_of, select

_MAX_SAMPLES = 1000


@dataclass(frozen=True)
class HttpJsonSource:
    """A service that is asked over HTTP and answers JSON; `now` is the clock."""

    service: Service
    now: Callable[[], datetime] = field(default=utc_now, repr=False)

    def ask(self, question: Question) -> Answer:
        """Fetch the path and select from the answer.

        Raises:
            SourceError: See `Service.get`, `parse_json`; or the expression selects no number.
        """
        path, sign, expression = question.query.strip().partition("#")
        where = self.service.shown(path if path.startswith("/") else "")
        if question.buckets:
            unable(question, where, "http_json")
        if not path.startswith("/") or not sign or not expression.strip():
            raise SourceError(
                f"{where}: a query is '/path#expression', with a JMESPath expression that selects a number"
            )
        body = self.service.get(path.strip(), question.timeout_seconds)

        def taken() -> datetime | None:
            if question.start is not None:
                return None
            answers_now(question.at, self.now(), where)
            return question.at - timedelta(seconds=body.age_seconds)

        found = select(parse_json(body.content, where), expression.strip(), where)
        samples = samples_of(found, taken, where)
        if question.start is not None:
            samples = _between(samples, question.start, question.at, where)
        elif len(samples) > _MAX_SAMPLES:
            raise SourceError(f"{where}: the expression selects {len(samples)} values where one was meant")
        text = self.service.redacted(body.content.decode("utf-8"))
        return Answer(samples=samples, body=text, skew=body.skew, status="200")


def _between(samples: tuple[Sample, ...], start: datetime, at: datetime, where: str) -> tuple[Sample, ...]:
    """The samples of `(start, at]` in the order of their times.

    Raises:
        SourceError: One has no time, or two have the same.
    """
    found: list[tuple[datetime, Sample]] = []
    for each in samples:
        if each.at is None:
            raise SourceError(
                f"{where}: a series over time needs the time of each number\nselect a list of {{value: …, at: …}}"
            )
        found.append((each.at, each))
    found.sort(key=lambda each: each[0])
    for (left, _), (right, _) in pairwise(found):
        if left == right:
            raise SourceError(f"{where}: two values at {left.isoformat()}\nselect one series")
    return tuple(each for taken, each in found if start < taken <= at)


def _open(options: Mapping[str, OptionValue], folder: Path) -> HttpJsonSource:
    return HttpJsonSource(Service.of(options, folder))


KIND = SourceKind("http_json", "a number out of a JSON answer over HTTP", SERVICE_OPTIONS, _open)
