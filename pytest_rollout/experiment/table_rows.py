"""Table rows: what stands for a row of an experiment in SQL, and what a row that comes back means.

The rows of the experiment are one text: the number of a row's arm, its
stratum, its unit and its value `v`, which is NULL where there is none. Values
are bound, and names are quoted.
"""
# ruff: noqa: S608 - texts are made of quoted names and of parameters, never of values

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_rollout.experiment.samples import Cell
from pytest_rollout.experiment.speech import Speech
from pytest_rollout.experiment.table import Span, Table, label_of, label_value
from pytest_rollout.sources.tables import NUMBER, Column, Row, Statement, Value, as_float

Raw = tuple[int, object]
"""A cell as the database knows it: the number of its arm, and the number of its stage, its stratum, or 0."""

_QUOTED = re.compile(r'"(?:""|[^"])*"|`(?:``|[^`])*`')


@dataclass(frozen=True)
class TableRows:
    """The rows of one table and time.

    Args:
        table: Which columns.
        span: Which rows.
        columns: What the table really has; checked.
        speech: The database's words.
        seconds: How long each statement may take.
    """

    table: Table
    span: Span
    columns: Mapping[str, Column]
    speech: Speech
    seconds: float = 60.0
    _values: dict[str, Value] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        clock = self.columns[self.table.at].holds
        values = {"start": self.span.start, "end": self.span.end}
        values |= {f"stage{number}": start for number, start in enumerate(self.span.stages.values())}
        bound = {name: self.speech.instant_value(each, clock) for name, each in values.items()}
        for number, label in enumerate(self.table.arms.values()):
            bound[f"arm{number}"] = label_value(self.table, self.table.arm, label, self.columns)
        for number, label in enumerate(self.table.strata):
            bound[f"among{number}"] = label_value(self.table, self.table.stratum or "", label, self.columns)
        object.__setattr__(self, "_values", bound)

    # What stands for a row

    def name(self, column: str) -> str:
        """A column's name, quoted."""
        return self.speech.name(column)

    def _at(self) -> str:
        return self.speech.time.format(self.name(self.table.at))

    def _instant(self, name: str) -> str:
        return self.speech.instant_of(name, self.columns[self.table.at].holds)

    def inside(self) -> str:
        """The condition that a row lies in the time that is looked at, and in a stratum that takes part."""
        time = f"{self._at()} > {self._instant('start')} AND {self._at()} <= {self._instant('end')}"
        if not self.table.strata or self.table.stratum is None:
            return time
        named = ", ".join(f"{self.speech.mark}among{number}" for number in range(len(self.table.strata)))
        return f"{time} AND {self.name(self.table.stratum)} IN ({named})"

    def outside(self) -> tuple[str, str, str]:
        """The conditions that a row lies before that time, after it, and in no time at all."""
        at = self._at()
        return f"{at} <= {self._instant('start')}", f"{at} > {self._instant('end')}", f"{at} IS NULL"

    def arm(self) -> str:
        """The number of a row's arm, and NULL for what is none."""
        name, mark = self.name(self.table.arm), self.speech.mark
        cases = (f"WHEN {name} = {mark}arm{number} THEN {number}" for number in range(len(self.table.arms)))
        return f"CASE {' '.join(cases)} END"

    @property
    def stratified(self) -> bool:
        """Whether there is more than one stratum to tell apart."""
        return bool(self.span.stages) or self.table.stratum is not None

    @property
    def key(self) -> str:
        """The names of what makes a cell."""
        return "arm, stratum" if self.stratified else "arm"

    def stratum(self) -> str:
        """The number of a row's stage, or its stratum."""
        if not self.span.stages:
            return self.name(self.table.stratum or "")
        # The newest first; what is not after a later stage's start is of the first.
        later = range(len(self.span.stages) - 1, 0, -1)
        cases = " ".join(f"WHEN {self._at()} > {self._instant(f'stage{n}')} THEN {n}" for n in later)
        return f"CASE {cases} ELSE 0 END" if cases else "0"

    def timed_out(self) -> str:
        """The condition that a row timed out; empty where none can."""
        if self.table.timeout is None:
            return ""
        name = self.name(self.table.timeout)
        return f"{name} <> 0" if self.columns[self.table.timeout].holds == NUMBER else name

    def number(self) -> str:
        """The value's column as a float64, NaN included."""
        return f"CAST({self._name} AS {self.speech.double})"

    @property
    def _name(self) -> str:
        return self.name(self.table.value)

    @property
    def of_numbers(self) -> bool:
        """Whether the values are numbers, and not true and false."""
        return self.columns[self.table.value].holds == NUMBER

    def value(self) -> str:
        """A row's value, NULL where it has none."""
        return f"CASE WHEN {self._has_value()} THEN {self._known_value()} END"

    def _has_value(self) -> str:
        """The condition that a row has a value.

        Databases that have a NaN hold it to be above everything, or beside everything.
        """
        late = self.timed_out()
        known = f"{self.number()} <= {self.speech.infinity}" if self.of_numbers else f"{self._name} IS NOT NULL"
        return f"({late} OR {known})" if late else known

    def _known_value(self) -> str:
        """The value of a row that has one: where rows cannot time out, a number is its column and nothing around it."""
        late = self.timed_out()
        if self.of_numbers:
            return f"CASE WHEN {late} THEN {self.speech.infinity} ELSE {self.number()} END" if late else self.number()
        yes = f"{late} OR {self._name}" if late else self._name
        return f"CASE WHEN {yes} THEN {self.speech.whole(1)} ELSE {self.speech.whole(0)} END"

    def rows(self, *, valued: bool = True) -> str:
        """The rows of the experiment, and with them those of no arm, unless the table says that there are such.

        Where nobody looks at values, leave them out: the same text is then asked once for all metrics of a table.
        """
        return self._rows(f", {self.value()} AS v" if valued else "", "")

    def values(self) -> str:
        """Those of the rows that have a value.

        A condition in the WHERE is read once, and where the files are. The CASE of `rows` is not: a database puts
        it wherever `v` is named outside, and works it out there each time.
        """
        return self._rows(f", {self._known_value()} AS v", f" AND {self._has_value()}")

    def _rows(self, value: str, having: str) -> str:
        unit = f", {self.name(self.table.unit)} AS unit" if self.table.unit else ""
        stratum = f", {self.stratum()} AS stratum" if self.stratified else ""
        where = self.inside()
        if self.table.ignored:
            labels = ", ".join(f"{self.speech.mark}arm{number}" for number in range(len(self.table.arms)))
            where += f" AND {self.name(self.table.arm)} IN ({labels})"
        chosen = f"{self.arm()} AS arm{stratum}{unit}{value}"
        return f"SELECT {chosen} FROM {self.speech.table(self.table.name)} WHERE {where}{having}"

    def statement(self, text: str, values: Mapping[str, Value] | None = None, *, most: int = 10_000) -> Statement:
        """A statement with all the parameters that its text uses, and no others."""
        known = {**self._values, **(values or {})}
        named = set(re.findall(rf"{re.escape(self.speech.mark)}(\w+)", _QUOTED.sub("", text)))
        used = {name: each for name, each in known.items() if name in named}
        return Statement(text=f"{text} LIMIT {most + 1}", values=used, most=most, seconds=self.seconds)

    # What comes back

    def raw(self, cell: Cell) -> Raw:
        """A cell as the database knows it."""
        number = list(self.table.arms).index(cell[0])
        if self.span.stages:
            return number, list(self.span.stages).index(cell[1])
        if self.table.stratum is None:
            return number, 0
        return number, label_value(self.table, self.table.stratum, cell[1], self.columns)

    def split(self, row: Row) -> tuple[Raw | None, Row]:
        """The cell of a row that the database gave, None where it is of no arm, and what comes behind it."""
        places = 2 if self.stratified else 1
        if row[0] is None:
            return None, row[places:]
        return (int(as_float(row[0], "arm")), row[1] if self.stratified else 0), row[places:]

    def cell(self, raw: Raw) -> Cell:
        """The same with its names."""
        number, stratum = raw
        arm = list(self.table.arms)[number]
        if self.span.stages:
            assert isinstance(stratum, int | float)
            return arm, list(self.span.stages)[int(stratum)]
        if self.table.stratum is None:
            return arm, ""
        assert stratum is None or isinstance(stratum, int | float | str)
        return arm, label_of(stratum) or ""

    def is_of(self, raw: Raw, name: str, values: dict[str, Value]) -> str:
        """The condition that a row is of a cell."""
        arm, stratum = raw
        if self.span.stages:
            return f"arm = {arm} AND stratum = {stratum}"
        if self.table.stratum is None:
            return f"arm = {arm}"
        assert isinstance(stratum, int | float | str)
        values[name] = stratum
        return f"arm = {arm} AND stratum = {self.speech.mark}{name}"
