"""Selected: numbers out of a JSON document.

A JMESPath expression selects a number, or `{value: number, at: time}`, or a
list of those. `null` and `[]` are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line, instant_of, number_of, shown
from pytest_rollout.sources.protocol import Sample

_MAX_SAMPLES = 11_000


def select(document: object, expression: str, where: str) -> object:
    """What a JMESPath expression finds in a document.

    Raises:
        SourceError: It is no expression, or not one for this document.
    """
    import jmespath

    try:
        return jmespath.search(expression, document)
    except RecursionError:
        raise SourceError(f"{where}: the expression is nested too deeply") from None
    except Exception as error:  # noqa: BLE001 - the library raises ValueError, TypeError and more for one expression
        raise SourceError(f"{where}: JMESPath '{first_line(expression, 80)}': {first_line(str(error))}") from None


def samples_of(found: object, taken: Callable[[], datetime | None], where: str) -> tuple[Sample, ...]:
    """What was selected, as samples; `taken` says the time of a number that brings none.

    Raises:
        SourceError: It holds something that is no number.
    """
    rows = found if isinstance(found, list) else [found]
    if len(rows) > _MAX_SAMPLES:
        raise SourceError(f"{where}: the expression selects {len(rows)} values")
    return tuple(_sample(row, taken, where) for row in rows if not _absent(row))


def _absent(row: object) -> bool:
    return row is None or (isinstance(row, Mapping) and "value" in row and row["value"] is None)


def _sample(row: object, taken: Callable[[], datetime | None], where: str) -> Sample:
    if not isinstance(row, Mapping):
        return Sample(value=number_of(row, where), at=taken())
    if not {"value"} <= set(row) <= {"value", "at"}:
        # A time under another name would be ignored, and an old value look fresh.
        raise SourceError(f"{where}: the expression selects {shown(row)}\nselect a number, or {{value: …, at: …}}")
    value = number_of(row["value"], where)
    if "at" not in row:
        return Sample(value=value, at=taken())
    return Sample(value=value, at=None if row["at"] is None else instant_of(row["at"], where))
