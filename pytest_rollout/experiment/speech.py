"""Speech: the few words in which databases differ, so that one text is written for all.

The statements use what every SQL has (CASE, GROUP BY, count, sum, min, max,
floor, ln), and only float64 and counts are added. What is left to differ
fits on this page, so nothing is parsed and translated: a translator would be
a library of a megabyte that stands between a gate and its evidence, and the
words below are tested on the databases themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pytest_rollout.sources.tables import LOCAL_TIME, Value


@dataclass(frozen=True)
class Speech:
    """Standard SQL through SQLAlchemy; PostgreSQL needs no other.

    Args:
        mark: What stands before a parameter's name.
        quote: What stands around a name.
        double: The type of a float64.
        infinity: The largest of them.
        zoned: The type of an instant, and `local` of one without its zone.
        time: A time column as it is compared; `{}` is the column.
        instant: How a parameter that is an instant is written; `{}` is the parameter, `{type}` its type.
        seconds: A time as it is compared, as seconds since 1970 in UTC; `local_seconds` where that is another text
            for one without its zone.
        odd: A condition that a value is no number although its column is of numbers; `{}` is the value.
    """

    mark: str = ":"
    quote: str = '"'
    double: str = "DOUBLE PRECISION"
    infinity: str = "CAST('Infinity' AS DOUBLE PRECISION)"
    zoned: str = "TIMESTAMP WITH TIME ZONE"
    local: str = "TIMESTAMP"
    time: str = "{}"
    instant: str = "CAST({} AS {type})"
    seconds: str = "EXTRACT(EPOCH FROM {})"
    local_seconds: str = ""
    odd: str = ""

    def name(self, identifier: str) -> str:
        """A column's name, quoted; a colon in it is not taken for a parameter."""
        inside = identifier.replace(self.quote, self.quote * 2)
        return f"{self.quote}{inside.replace(':', chr(92) + ':') if self.mark == ':' else inside}{self.quote}"

    def table(self, name: str) -> str:
        """A table's name, perhaps with its schema before a dot."""
        return ".".join(self.name(part) for part in name.split("."))

    def whole(self, number: int) -> str:
        """A small number as a float64; PostgreSQL would take 1.0 for one of its exact and slow ones."""
        return f"CAST({number} AS {self.double})"

    def number(self, parameter: str) -> str:
        """A parameter that is a float64."""
        return f"CAST({self.mark}{parameter} AS {self.double})"

    def instant_of(self, parameter: str, holds: str) -> str:
        """A parameter that is compared with a column of times."""
        return self.instant.format(self.mark + parameter, type=self.local if holds == LOCAL_TIME else self.zoned)

    def seconds_of(self, time: str, holds: str) -> str:
        """A time as it is compared, as a float64 of seconds since 1970 in UTC."""
        text = self.local_seconds if holds == LOCAL_TIME and self.local_seconds else self.seconds
        return f"CAST({text.format(time)} AS {self.double})"

    def instant_value(self, at: datetime, holds: str) -> Value:
        """What is bound to it."""
        utc = at.astimezone(UTC)
        return utc.replace(tzinfo=None) if holds == LOCAL_TIME else utc


@dataclass(frozen=True)
class SqliteSpeech(Speech):
    """SQLite keeps times as texts, and lets any column hold anything."""

    double: str = "REAL"
    infinity: str = "9e999"
    time: str = "strftime('%Y-%m-%d %H\\:%M\\:%f', {})"
    instant: str = "{}"
    seconds: str = "(julianday({}) - 2440587.5) * 86400"
    odd: str = "typeof({}) NOT IN ('integer', 'real', 'null')"

    def instant_value(self, at: datetime, holds: str) -> Value:
        """A text of the same shape, to the millisecond."""
        del holds
        return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


_SPEECHES: Mapping[str, Speech] = {
    "duckdb": Speech(mark="$", double="DOUBLE", infinity="CAST('Infinity' AS DOUBLE)", zoned="TIMESTAMPTZ"),
    "sqlite": SqliteSpeech(),
    "spark": Speech(
        quote="`",
        double="DOUBLE",
        infinity="CAST('Infinity' AS DOUBLE)",
        zoned="TIMESTAMP",
        local="TIMESTAMP_NTZ",
        seconds="unix_millis({}) / 1000",
        local_seconds="timestampdiff(MILLISECOND, TIMESTAMP_NTZ'1970-01-01', {}) / 1000",
    ),
}


def speech_of(name: str) -> Speech:
    """How a database is spoken to; one that is not known here, in standard SQL."""
    return _SPEECHES.get(name, Speech())
