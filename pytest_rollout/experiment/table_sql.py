"""Table SQL: the statements that a table of an experiment is asked, each written once for all databases.

The rows of the experiment are one text, and every statement stands around
it: the number of a row's arm, its stratum, its unit and its value `v`, which
is NULL where there is none. Values are bound, and names are quoted.

What a row costs is what counts here: units are grouped once, with no more
sums than a measure needs, and a value is put in its bin by one division.
"""
# ruff: noqa: S608 - texts are made of quoted names and of parameters, never of values

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_rollout.experiment.samples import Cell, Counted, Measure, Values
from pytest_rollout.experiment.speech import Speech
from pytest_rollout.experiment.table import Span, Table, label_of, label_value
from pytest_rollout.sources.tables import NUMBER, Column, Row, Statement, Value, as_float

Raw = tuple[int, object]
"""A cell as the database knows it: the number of its arm, and the number of its stage, its stratum, or 0."""
Ranges = Mapping[Raw, Sequence[tuple[float, float]]]
"""Ranges of values of some cells, both ends inside."""

_QUOTED = re.compile(r'"(?:""|[^"])*"|`(?:``|[^`])*`')


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

    def outside(self) -> tuple[str, str, str]:
        """The conditions that a row lies before that time, after it, and in no time at all."""
        at = self._at()
        return f"{at} <= {self._instant('start')}", f"{at} > {self._instant('end')}", f"{at} IS NULL"

    def arm(self) -> str:
        """The number of a row's arm, and NULL for what is none."""
        name, mark = self._name(self.table.arm), self.speech.mark
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
            return self._name(self.table.stratum or "")
        # The newest first; what is not after a later stage's start is of the first.
        later = range(len(self.span.stages) - 1, 0, -1)
        cases = " ".join(f"WHEN {self._at()} > {self._instant(f'stage{n}')} THEN {n}" for n in later)
        return f"CASE {cases} ELSE 0 END" if cases else "0"

    def _timed_out(self) -> str:
        if self.table.timeout is None:
            return ""
        name = self._name(self.table.timeout)
        return f"{name} <> 0" if self.columns[self.table.timeout].holds == NUMBER else name

    def _raw(self) -> str:
        return f"CAST({self._name(self.table.value)} AS {self.speech.double})"

    @property
    def of_numbers(self) -> bool:
        """Whether the values are numbers, and not true and false."""
        return self.columns[self.table.value].holds == NUMBER

    def value(self) -> str:
        """A row's value; databases that have a NaN hold it to be above everything, or beside everything."""
        late = self._timed_out()
        if self.of_numbers:
            timed = f"WHEN {late} THEN {self.speech.infinity} " if late else ""
            return f"CASE {timed}WHEN {self._raw()} <= {self.speech.infinity} THEN {self._raw()} END"
        name, yes, no = self._name(self.table.value), self.speech.whole(1), self.speech.whole(0)
        timed = f"WHEN {late} THEN {yes} " if late else ""
        return f"CASE {timed}WHEN {name} THEN {yes} WHEN NOT {name} THEN {no} END"

    def rows(self) -> str:
        """The rows of the experiment, and with them those of no arm, unless the table says that there are such."""
        unit = f", {self._name(self.table.unit)} AS unit" if self.table.unit else ""
        stratum = f", {self.stratum()} AS stratum" if self.stratified else ""
        where = self.inside()
        if self.table.ignored:
            labels = ", ".join(f"{self.speech.mark}arm{number}" for number in range(len(self.table.arms)))
            where += f" AND {self._name(self.table.arm)} IN ({labels})"
        chosen = f"{self.arm()} AS arm{stratum}{unit}, {self.value()} AS v"
        return f"SELECT {chosen} FROM {self.speech.table(self.table.name)} WHERE {where}"

    def statement(self, text: str, values: Mapping[str, Value] | None = None, *, most: int = 10_000) -> Statement:
        """A statement with all the parameters that its text uses, and no others."""
        known = {**self._values, **(values or {})}
        named = set(re.findall(rf"{re.escape(self.speech.mark)}(\w+)", _QUOTED.sub("", text)))
        used = {name: each for name, each in known.items() if name in named}
        return Statement(text=f"{text} LIMIT {most + 1}", values=used, most=most, seconds=self.seconds)

    # What is asked

    def row_flags(self) -> Mapping[str, str]:
        """What is counted of the rows when they are looked at: names and conditions, where there can be such rows."""
        odd, value = self.speech.odd, self._name(self.table.value)
        conditions = {
            "timed_out": self._timed_out(),
            "strange": f"NOT ({self._raw()} <= {self.speech.infinity})" if self.of_numbers else "",
            "no_unit": f"{self._name(self.table.unit)} IS NULL" if self.table.unit else "",
            "odd": odd.format(value) if odd else "",
        }
        return {name: condition for name, condition in conditions.items() if condition}

    def value_flags(self) -> Mapping[str, str]:
        """What is counted of the values."""
        infinity = self.speech.infinity
        return {"infinite": f"v >= {infinity}", "bottomless": f"v <= -{infinity}"} if self.of_numbers else {}

    def look(self) -> Statement:
        """A row for each label and stratum.

        It has rows, values, the sum, the least and the largest of the finite ones, and the counts of all flags.
        """
        flags, late = self.row_flags(), self.value_flags()
        inside = "".join(f", CASE WHEN {condition} THEN 1 END AS {name}" for name, condition in flags.items())
        stratum = f", {self.stratum()} AS stratum" if self.stratified else ""
        seen = (
            f"SELECT {self._name(self.table.arm)} AS label{stratum}, {self.value()} AS v{inside} "
            f"FROM {self.speech.table(self.table.name)} WHERE {self.inside()}"
        )
        infinity = self.speech.infinity
        finite = f"CASE WHEN v < {infinity} AND v > -{infinity} THEN v END" if self.of_numbers else "v"
        counts = [f"count({name})" for name in flags]
        counts += [f"count(CASE WHEN {condition} THEN 1 END)" for condition in late.values()]
        sums = ", ".join(["count(*)", "count(v)", f"sum({finite})", f"min({finite})", f"max({finite})", *counts])
        key = "label, stratum" if self.stratified else "label"
        return self.statement(f"SELECT {key}, {sums} FROM ({seen}) AS seen GROUP BY {key}")

    def moments(self, measures: Sequence[Measure], centre: float) -> Statement:
        """A row for each cell: eight numbers a measure, the first fields of `Moments` and its largest unit."""
        values: dict[str, Value] = {"centre": centre}
        sums = [self._sums(number, measure, values) for number, measure in enumerate(measures)]
        if not self.table.unit:
            each = ", ".join(
                f"{n}, {n}, {s}, {n}, {q}, {s}, {q}, CASE WHEN {n} > 0 THEN 1 ELSE 0 END" for n, s, q in sums
            )
            text = f"SELECT {self.key}, {each} FROM ({self.rows()}) AS experiment GROUP BY {self.key}"
            return self.statement(text, values)
        inner = ", ".join(
            f"CAST({text} AS {self.speech.double}) AS {name}{number}"
            for number, texts in enumerate(sums)
            for name, text in zip("nsq", texts, strict=True)
        )
        units = f"SELECT {self.key}, {inner} FROM ({self.rows()}) AS experiment GROUP BY {self.key}, unit"
        outer = ", ".join(
            f"sum(CASE WHEN n{n} > 0 THEN 1 ELSE 0 END), sum(n{n}), sum(s{n}), sum(n{n} * n{n}), sum(s{n} * s{n}), "
            f"sum(n{n} * s{n}), sum(q{n}), max(n{n})"
            for n in range(len(sums))
        )
        return self.statement(f"SELECT {self.key}, {outer} FROM ({units}) AS units GROUP BY {self.key}", values)

    def _sums(self, number: int, measure: Measure, values: dict[str, Value]) -> tuple[str, str, str]:
        """How many rows have a value, their sum, and the sum of their squares."""
        if isinstance(measure, Counted):
            return ("count(*)",) * 3
        if isinstance(measure, Values):
            value = "v"
            if measure.cap is not None:
                values[f"cap{number}"] = measure.cap
                cap = self.speech.number(f"cap{number}")
                value = f"CASE WHEN v > {cap} THEN {cap} ELSE v END"
            shifted = f"({value} - {self.speech.number('centre')})" if values["centre"] else value
            return "count(v)", f"sum({shifted})", f"sum({shifted} * {shifted})"
        cases = []
        for place, (cell, edge) in enumerate(measure.edges.items()):
            name = f"edge{number}_{place}"
            values[name] = edge
            cases.append(
                f"WHEN {self._is(self.raw(cell), f'of{number}_{place}', values)} THEN {self.speech.number(name)}"
            )
        # Ones and noughts are their own squares.
        above = f"count(CASE WHEN v > CASE {' '.join(cases)} END THEN 1 END)"
        return "count(v)", above, above

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
        inner = f"SELECT {self.key}, v, {scale} AS bin FROM ({self.rows()}) AS experiment WHERE {among}"
        text = f"SELECT {self.key}, count(*), min(v), max(v) FROM ({inner}) AS binned GROUP BY {self.key}, bin"
        return self.statement(text, bound, most=most)

    def between(self, ranges: Ranges, *, most: int) -> Statement:
        """A row for each cell and value inside ranges: how often it is there."""
        bound: dict[str, Value] = {}
        among = self._among(ranges, bound)
        inner = f"SELECT {self.key}, v FROM ({self.rows()}) AS experiment WHERE {among}"
        text = f"SELECT {self.key}, count(*), v, v FROM ({inner}) AS chosen GROUP BY {self.key}, v"
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
