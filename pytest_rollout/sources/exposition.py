"""Exposition: what `/metrics` says, as series by their names and labels.

The Prometheus text format and OpenMetrics, read by the library of Prometheus'
own. What it lets pass is refused here: a text that was cut off, a page of
HTML, a series that is there twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line

if TYPE_CHECKING:
    from prometheus_client import Metric

Key = tuple[str, frozenset[tuple[str, str]]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RAW_NAME = re.compile(r"^[ \t]*(?:\{[ \t]*\"([^\"]+)\"|([a-zA-Z_:][\w:]*))", re.MULTILINE)
_GROWING = {"counter": "", "histogram": "_count _sum _bucket", "summary": "_count _sum"}


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of an exposition; `at` is its own time, None where it has none, and `grows` says it is a counter."""

    name: str
    labels: Mapping[str, str]
    value: float
    at: datetime | None
    grows: bool

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.name, frozenset(self.labels.items())

    def __str__(self) -> str:
        labels = ", ".join(f'{name}="{value}"' for name, value in sorted(self.labels.items()))
        return first_line(f"{self.name}{{{labels}}}", 120) if labels else self.name


def series_of(content: bytes, where: str) -> dict[Key, Series]:
    """All series of an exposition.

    Raises:
        SourceError: It is none, or was cut off; or the library that reads it is not installed.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{where}: the answer is not UTF-8 (byte {error.start})") from None
    if text.lstrip()[:1] in {"<", "{", "["}:
        raise SourceError(f"{where}: answered HTML or JSON, not metrics\ncheck the path: most services say /metrics")
    if not text.endswith("\n"):
        # `errors_total 12` may be the beginning of `errors_total 123`.
        raise SourceError(f"{where}: the answer {'does not end its last line: it was cut off' if text else 'is empty'}")
    openmetrics = text.rstrip("\n").endswith("# EOF")
    raw = set() if openmetrics else {quoted or plain for quoted, plain in _RAW_NAME.findall(text)}
    found: dict[Key, Series] = {}
    for family in _families(text, openmetrics, where):
        for series in _series_of_family(family, raw):
            if series.key in found:
                raise SourceError(f"{where}: {series} is there twice")
            found[series.key] = series
    if not found:
        raise SourceError(f"{where}: the answer holds no metric")
    return found


def _families(text: str, openmetrics: bool, where: str) -> list[Metric]:
    try:
        if openmetrics:
            from prometheus_client.openmetrics.parser import text_string_to_metric_families
        else:
            from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        raise SourceError("prometheus-client is not installed\npip install 'pytest-rollout[scrape]'") from None
    try:
        return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # its OpenMetrics half
    except Exception as error:  # noqa: BLE001 - it raises ValueError, and IndexError or others for odd lines
        reason = first_line(str(error), 120) or type(error).__name__
        raise SourceError(f"{where}: the answer is not in Prometheus' format: {reason}") from None


def _series_of_family(family: Metric, raw: set[str]) -> list[Series]:
    found = []
    for name, labels, value, timestamp, *_ in family.samples:
        # The library adds `_total` to counters of the text format that have no such end.
        own = name.removesuffix("_total") if raw and name not in raw else name
        suffix = own.removeprefix(family.name)
        grows = family.type in {"unknown", "untyped"} or (
            family.type == "counter" or suffix in _GROWING.get(family.type, "").split()
        )
        at = None if timestamp is None else _instant(float(timestamp))
        found.append(Series(name=own, labels=labels, value=float(value), at=at, grows=grows))
    return found


def _instant(seconds: float) -> datetime | None:
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None  # a year that Python does not have: the age is unknown


def same_process(first: Mapping[Key, Series], second: Mapping[Key, Series]) -> bool | None:
    """Whether one process answered both; None when it does not say when it began."""
    key: Key = ("process_start_time_seconds", frozenset())
    if key not in first or key not in second:
        return None
    return first[key].value == second[key].value
