"""Table SQL: the statements that a table of an experiment is asked, each written once for all databases.

The rows of the experiment are one text, and every statement stands around
it: its arms as numbers, its stratum, its unit and its value `v`, which is
NULL where there is none. Values are bound, and names are quoted.
"""
# ruff: noqa: S608 - texts are made of quoted names and of parameters, never of values

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_rollout.experiment.samples import Cell, Counted, Measure, Values
from pytest_rollout.experiment.speech import Speech
from pytest_rollout.experiment.table import Span, Table, label_of, label_value
from pytest_rollout.sources.tables import BOOLEAN, NUMBER, Column, Statement, Value

Raw = tuple[int, object]
"""A cell as the database knows it: the number of its arm, and the number of its stage, its stratum, or 0."""
Ranges = Mapping[Raw, Sequence[tuple[float, float]]]
"""Ranges of values of some cells, both ends inside."""


@dataclass(frozen=True)
class TableSql:
    """The statements about one table and time.

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
        object.__setattr__(self, "_values", bound)

    # What stands for a row

    def _name(self, column: str) -> str:
        return self.speech.name(column)

    def _at(self) -> str:
        return self.speech.time.format(self._name(self.table.at))

    def _instant(self, name: str) -> str:
        return self.speech.instant_of(name, self.columns[self.table.at].holds)

    def inside(self) -> str:
        """The condition that a row lies in the time that is looked at."""
        return f"{self._at()} > {self._instant('start')} AND {self._at()} <= {self._instant('end')}"

    def _arm(self) -> str:
        """The number of a row's arm, and NULL for what is none."""
        cases = (f"WHEN {self._name(self.table.arm)} = {self.speech.mark}arm{n} THEN {n}" for n in range(self._arms))
        return f"CASE {' '.join(cases)} END"

    @property
    def _arms(self) -> int:
        return len(self.table.arms)

    def _of_the_arms(self) -> str:
        labels = ", ".join(f"{self.speech.mark}arm{number}" for number in range(self._arms))
        return f"{self._name(self.table.arm)} IN ({labels})"

    def _stratum(self) -> str:
        """The number of a row's stage, its stratum, or nothing where there is one only."""
        if self.span.stages:
            # The newest first; what is not after a later stage's start is of the first.
            later = range(len(self.span.stages) - 1, 0, -1)
            cases = " ".join(f"WHEN {self._at()} > {self._instant(f'stage{n}')} THEN {n}" for n in later)
            return f"CASE {cases} ELSE 0 END" if cases else "0"
        return self._name(self.table.stratum) if self.table.stratum else "0"

    def _timed_out(self) -> str:
        if self.table.timeout is None:
            return ""
        name = self._name(self.table.timeout)
        return f"{name} <> 0" if self.columns[self.table.timeout].holds == NUMBER else name

    def _raw(self) -> str:
        return f"CAST({self._name(self.table.value)} AS {self.speech.double})"

    def _no_number(self) -> str:
        """Databases that have a NaN hold it to be above everything, or unlike itself."""
        return f"({self._raw()} <> {self._raw()} OR {self._raw()} > {self.speech.infinity})"

    def _value(self) -> str:
        late = self._timed_out()
        if self.columns[self.table.value].holds == BOOLEAN:
            name = self._name(self.table.value)
            yes, no = self.speech.whole(1), self.speech.whole(0)
            timed = f"WHEN {late} THEN {yes} " if late else ""
            return f"CASE {timed}WHEN {name} THEN {yes} WHEN NOT {name} THEN {no} END"
        timed = f"WHEN {late} THEN {self.speech.infinity} " if late else ""
        return f"CASE {timed}WHEN {self._no_number()} THEN NULL ELSE {self._raw()} END"

    def rows(self, *more: str) -> str:
        """The rows of the experiment, with further expressions of their columns."""
        unit = f", {self._name(self.table.unit)} AS unit" if self.table.unit else ""
        chosen = f"{self._arm()} AS arm, {self._stratum()} AS stratum{unit}, {self._value()} AS v"
        return (
            f"SELECT {', '.join([chosen, *more])} FROM {self.speech.table(self.table.name)} "
            f"WHERE {self.inside()} AND {self._of_the_arms()}"
        )

    def statement(self, text: str, values: Mapping[str, Value] | None = None, *, most: int = 10_000) -> Statement:
        """A statement with all the parameters that its text uses, and no others."""
        known = {**self._values, **(values or {})}
        used = {name: each for name, each in known.items() if _uses(text, self.speech.mark + name)}
        return Statement(text=f"{text} LIMIT {most + 1}", values=used, most=most, seconds=self.seconds)

    # What is asked

    def look(self) -> Statement:
        """A row for each label there is: what the columns hold, before anything is added up."""
        infinity = self.speech.infinity
        finite = f"v < {infinity} AND v > -{infinity}"
        odd = self.speech.odd.format(self._name(self.table.value)) if self.speech.odd else "1 = 0"
        strange = self._no_number() if self.columns[self.table.value].holds == NUMBER else "1 = 0"
        counted = {
            "timed": self._timed_out() or "1 = 0",
            "strange": strange,
            "no_unit": f"{self._name(self.table.unit)} IS NULL" if self.table.unit else "1 = 0",
            "no_stratum": f"{self._name(self.table.stratum)} IS NULL" if self.table.stratum else "1 = 0",
            "odd": odd,
        }
        flags = ", ".join(f"CASE WHEN {condition} THEN 1 ELSE 0 END AS {name}" for name, condition in counted.items())
        sums = ", ".join(f"sum({name})" for name in counted)
        inner = (
            f"SELECT {self._name(self.table.arm)} AS label, {self._value()} AS v, {flags} "
            f"FROM {self.speech.table(self.table.name)} WHERE {self.inside()}"
        )
        outer = f"label, count(*), count(v), sum(CASE WHEN {finite} THEN v END), min(v), max(v), {sums}"
        return self.statement(f"SELECT {outer} FROM ({inner}) AS seen GROUP BY label", most=1000)

    def moments(self, measures: Sequence[Measure], centre: float) -> Statement:
        """A row for each cell: eleven numbers a measure, in the order of `Moments`."""
        values: dict[str, Value] = {"centre": centre}
        asked = [self._measured(number, each, values) for number, each in enumerate(measures)]
        unit = ", unit" if self.table.unit else ""
        less = f" - {self.speech.number('centre')}"
        shifted = (
            f"{text} AS x{n}, {text}{less if isinstance(measures[n], Values) else ''} AS y{n}"
            for n, text in enumerate(asked)
        )
        rows = f"SELECT arm, stratum{unit}, {', '.join(shifted)} FROM ({self.rows()}) AS experiment"
        many = range(len(measures))
        if not self.table.unit:
            sums = ", ".join(self._independent(n) for n in many)
            return self.statement(
                f"SELECT arm, stratum, {sums} FROM ({rows}) AS experiment_rows GROUP BY arm, stratum", values
            )
        inner = ", ".join(
            f"count(y{n}) AS n{n}, sum(y{n}) AS s{n}, sum(y{n} * y{n}) AS q{n}, "
            f"min(x{n}) AS lo{n}, max(x{n}) AS hi{n}, count(*) - count(y{n}) AS m{n}"
            for n in many
        )
        units = f"SELECT arm, stratum, unit, {inner} FROM ({rows}) AS experiment_rows GROUP BY arm, stratum, unit"
        sums = ", ".join(self._clustered(n) for n in many)
        return self.statement(f"SELECT arm, stratum, {sums} FROM ({units}) AS units GROUP BY arm, stratum", values)

    def _clustered(self, n: int) -> str:
        count = f"CAST(n{n} AS {self.speech.double})"
        return (
            f"sum(CASE WHEN n{n} > 0 THEN 1 ELSE 0 END), sum(n{n}), sum(s{n}), sum({count} * {count}), "
            f"sum(s{n} * s{n}), sum({count} * s{n}), sum(q{n}), min(lo{n}), max(hi{n}), max(n{n}), sum(m{n})"
        )

    def _independent(self, n: int) -> str:
        return (
            f"count(y{n}), count(y{n}), sum(y{n}), count(y{n}), sum(y{n} * y{n}), sum(y{n}), sum(y{n} * y{n}), "
            f"min(x{n}), max(x{n}), CASE WHEN count(y{n}) > 0 THEN 1 ELSE 0 END, count(*) - count(y{n})"
        )

    def _measured(self, number: int, measure: Measure, values: dict[str, Value]) -> str:
        """What is summed of a row; NULL where it has no value."""
        if isinstance(measure, Counted):
            return self.speech.whole(1)
        if isinstance(measure, Values):
            if measure.cap is None:
                return "v"
            values[f"cap{number}"] = measure.cap
            cap = self.speech.number(f"cap{number}")
            return f"CASE WHEN v > {cap} THEN {cap} ELSE v END"
        cases, yes, no = [], self.speech.whole(1), self.speech.whole(0)
        for place, (cell, edge) in enumerate(measure.edges.items()):
            name = f"edge{number}_{place}"
            values[name] = edge
            above = f"CASE WHEN v > {self.speech.number(name)} THEN {yes} ELSE {no} END"
            cases.append(f"WHEN {self._is(self.raw(cell), f'of{number}_{place}', values)} THEN {above}")
        return f"CASE WHEN v IS NULL THEN NULL {' '.join(cases)} END"

    def raw(self, cell: Cell) -> Raw:
        """A cell as the database knows it."""
        number = list(self.table.arms).index(cell[0])
        if self.span.stages:
            return number, list(self.span.stages).index(cell[1])
        if self.table.stratum is None:
            return number, 0
        return number, label_value(self.table, self.table.stratum, cell[1], self.columns)

    def cell(self, raw: Raw) -> Cell:
        """The cell of a row that the database gave."""
        number, stratum = raw
        arm = list(self.table.arms)[number]
        if self.span.stages:
            assert isinstance(stratum, int | float)
            return arm, list(self.span.stages)[int(stratum)]
        if self.table.stratum is None:
            return arm, ""
        assert stratum is None or isinstance(stratum, int | float | str)
        return arm, label_of(stratum) or ""

    def _is(self, raw: Raw, name: str, values: dict[str, Value]) -> str:
        """The condition that a row is of a cell."""
        arm, stratum = raw
        if self.span.stages:
            return f"arm = {arm} AND stratum = {stratum}"
        if self.table.stratum is None:
            return f"arm = {arm}"
        assert isinstance(stratum, int | float | str)
        values[name] = stratum
        return f"arm = {arm} AND stratum = {self.speech.mark}{name}"

    def binned(self, scale: str, values: Mapping[str, Value], ranges: Ranges | None = None, *, most: int) -> Statement:
        """A row for each cell and bin: how many values, the least and the largest.

        Args:
            scale: The bin of a value `v`, in SQL.
            values: Its parameters.
            ranges: Which values; None for all.
            most: How many bins there may be.
        """
        bound = dict(values)
        among = self._among(ranges, bound) if ranges is not None else "v IS NOT NULL"
        inner = f"SELECT arm, stratum, v, {scale} AS bin FROM ({self.rows()}) AS experiment WHERE {among}"
        text = f"SELECT arm, stratum, count(*), min(v), max(v) FROM ({inner}) AS binned GROUP BY arm, stratum, bin"
        return self.statement(text, bound, most=most)

    def between(self, ranges: Ranges, *, most: int) -> Statement:
        """A row for each cell and value inside ranges: how often it is there."""
        bound: dict[str, Value] = {}
        among = self._among(ranges, bound)
        inner = f"SELECT arm, stratum, v FROM ({self.rows()}) AS experiment WHERE {among}"
        text = f"SELECT arm, stratum, count(*), v, v FROM ({inner}) AS chosen GROUP BY arm, stratum, v"
        return self.statement(text, bound, most=most)

    def _among(self, ranges: Ranges, values: dict[str, Value]) -> str:
        cells = []
        for number, (raw, wanted) in enumerate(ranges.items()):
            parts = []
            for place, (low, high) in enumerate(wanted):
                values |= {f"low{number}_{place}": low, f"high{number}_{place}": high}
                ends = (self.speech.number(f"{end}{number}_{place}") for end in ("low", "high"))
                parts.append("v BETWEEN {} AND {}".format(*ends))
            cells.append(f"{self._is(raw, f'in{number}', values)} AND ({' OR '.join(parts)})")
        return " OR ".join(f"({each})" for each in cells)


def _uses(text: str, parameter: str) -> bool:
    """Whether a parameter stands in a text, and not only a longer one that begins with its name."""
    return re.search(rf"(?<!\\){re.escape(parameter)}(?![A-Za-z0-9_])", text) is not None
