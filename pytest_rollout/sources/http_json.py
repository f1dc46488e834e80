"""HTTP JSON: a number out of a service's own answer.

The query is `/path?x=y#expression`. The path is fetched from the base URL;
the JMESPath expression after the first `#` selects a number, or
`{value: number, at: time}`, or a list of those. `null` and `[]` are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import answers_now, first_line, instant_of, number_of, parse_json, shown, utc_now
from pytest_rollout.sources.fetch import SERVICE_OPTIONS, Service
from pytest_rollout.sources.protocol import Answer, OptionValue, Question, Sample, SourceKind

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
        if not path.startswith("/") or not sign or not expression.strip():
            raise SourceError(
                f"{where}: a query is '/path#expression', with a JMESPath expression that selects a number"
            )
        body = self.service.get(path.strip(), question.timeout_seconds)
        found = _select(parse_json(body.content, where), expression.strip(), where)
        rows = found if isinstance(found, list) else [found]
        if len(rows) > _MAX_SAMPLES:
            raise SourceError(f"{where}: the expression selects {len(rows)} values where one was meant")
        samples = [self._sample(row, question.at, body.age_seconds, where) for row in rows if not _absent(row)]
        text = self.service.redacted(body.content.decode("utf-8"))
        return Answer(samples=tuple(samples), body=text)

    def _sample(self, row: object, at: datetime, age_seconds: float, where: str) -> Sample:
        if isinstance(row, Mapping):
            if not {"value"} <= set(row) <= {"value", "at"}:
                # A time under another name would be ignored, and an old value look fresh.
                raise SourceError(
                    f"{where}: the expression selects {shown(row)}\nselect a number, or {{value: …, at: …}}"
                )
            value = number_of(row["value"], where)
            if "at" in row:
                return Sample(value=value, at=None if row["at"] is None else instant_of(row["at"], where))
        else:
            value = number_of(row, where)
        answers_now(at, self.now(), where)
        return Sample(value=value, at=at - timedelta(seconds=age_seconds))


def _absent(row: object) -> bool:
    return row is None or (isinstance(row, Mapping) and "value" in row and row["value"] is None)


def _select(document: object, expression: str, where: str) -> object:
    import jmespath

    try:
        return jmespath.search(expression, document)
    except RecursionError:
        raise SourceError(f"{where}: the expression is nested too deeply") from None
    except Exception as error:  # noqa: BLE001 - the library raises ValueError, TypeError and more for one expression
        raise SourceError(f"{where}: JMESPath '{first_line(expression, 80)}': {first_line(str(error))}") from None


def _open(options: Mapping[str, OptionValue], folder: Path) -> HttpJsonSource:  # noqa: ARG001 - the kind's signature
    return HttpJsonSource(Service.of(options))


KIND = SourceKind("http_json", "a number out of a JSON answer over HTTP", SERVICE_OPTIONS, _open)
