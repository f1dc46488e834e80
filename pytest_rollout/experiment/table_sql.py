"""Table SQL: the statements that a table of an experiment is asked, each written once for all databases.

Every statement stands around the one text that is the experiment's rows.
What a row costs is what counts here: units are grouped once, with no more
sums than a measure needs, and a value is put in its bin by one division.
"""
# ruff: noqa: S608 - texts are made of quoted names and of parameters, never of values

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_rollout.experiment.samples import Counted, Measure, Values
from pytest_rollout.experiment.table_rows import Raw, TableRows
from pytest_rollout.sources.tables import Statement, Value

Ranges = Mapping[Raw, Sequence[tuple[float, float]]]
"""Ranges of values of some cells, both ends inside."""


@dataclass(frozen=True)
class TableSql(TableRows):
    """The statements about one table and time."""

    def row_flags(self) -> Mapping[str, str]:
        """What is counted of the rows when they are looked at: names and conditions, where there can be such rows."""
        odd, value = self.speech.odd, self.name(self.table.value)
        conditions = {
            "timed_out": self.timed_out(),
            "strange": f"NOT ({self.number()} <= {self.speech.infinity})" if self.of_numbers else "",
            "no_unit": f"{self.name(self.table.unit)} IS NULL" if self.table.unit else "",
            "odd": odd.format(value) if odd else "",
        }
        return {name: condition for name, condition in conditions.items() if condition}

    def value_flags(self) -> Mapping[str, str]:
        """What is counted of the values."""
        infinity = self.speech.infinity
        return {"infinite": f"v >= {infinity}", "bottomless": f"v <= -{infinity}"} if self.of_numbers else {}

    def look(self) -> Statement:
        """A row for each label and stratum.

        It has rows, values, the sum, the least and the largest of the finite ones, when the newest row with a value
        was written, and the counts of all flags.
        """
        flags, late = self.row_flags(), self.value_flags()
        inside = "".join(f", CASE WHEN {condition} THEN 1 END AS {name}" for name, condition in flags.items())
        stratum = f", {self.stratum()} AS stratum" if self.stratified else ""
        seen = (
            f"SELECT {self.name(self.table.arm)} AS label{stratum}, {self.value()} AS v, {self._at()} AS taken{inside} "
            f"FROM {self.speech.table(self.table.name)} WHERE {self.inside()}"
        )
        infinity = self.speech.infinity
        finite = f"CASE WHEN v < {infinity} AND v > -{infinity} THEN v END" if self.of_numbers else "v"
        counts = [f"count({name})" for name in flags]
        counts += [f"count(CASE WHEN {condition} THEN 1 END)" for condition in late.values()]
        clock = self.columns[self.table.at].holds
        newest = self.speech.seconds_of("max(CASE WHEN v IS NOT NULL THEN taken END)", clock)
        sums = ", ".join(
            ["count(*)", "count(v)", f"sum({finite})", f"min({finite})", f"max({finite})", newest, *counts]
        )
        key = "label, stratum" if self.stratified else "label"
        return self.statement(f"SELECT {key}, {sums} FROM ({seen}) AS seen GROUP BY {key}")

    def moments(self, measures: Sequence[Measure], centre: float) -> Statement:
        """A row for each cell: eight numbers a measure, the first fields of `Moments` and its largest unit."""
        values: dict[str, Value] = {"centre": centre}
        sums = [self._sums(number, measure, values) for number, measure in enumerate(measures)]
        # Whoever counts units counts those without a value, too.
        counted = [isinstance(each, Counted) for each in measures]
        rows = self.rows(valued=not all(counted)) if any(counted) else self.values()
        if not self.table.unit:
            each = ", ".join(
                f"{n}, {n}, {s}, {n}, {q}, {s}, {q}, CASE WHEN {n} > 0 THEN 1 ELSE 0 END" for n, s, q in sums
            )
            text = f"SELECT {self.key}, {each} FROM ({rows}) AS experiment GROUP BY {self.key}"
            return self.statement(text, values)
        inner = ", ".join(
            f"CAST({text} AS {self.speech.double}) AS {name}{number}"
            for number, texts in enumerate(sums)
            for name, text in zip("nsq", texts, strict=True)
        )
        units = f"SELECT {self.key}, {inner} FROM ({rows}) AS experiment GROUP BY {self.key}, unit"
        outer = ", ".join(
            f"sum(CASE WHEN n{n} > 0 THEN 1 ELSE 0 END), sum(n{n}), sum(s{n}), sum(n{n} * n{n}), sum(s{n} * s{n}), "
            f"sum(n{n} * s{n}), sum(q{n}), max(n{n})"
            for n in range(len(sums))
        )
        return self.statement(f"SELECT {self.key}, {outer} FROM ({units}) AS units GROUP BY {self.key}", values)

    def units_of_arms(self) -> Statement:
        """A row for each arm: its number, and how many units it has over all strata."""
        units = f"SELECT arm, unit FROM ({self.rows(valued=False)}) AS experiment WHERE arm IS NOT NULL"
        text = f"SELECT arm, count(*) FROM ({units} GROUP BY arm, unit) AS units GROUP BY arm"
        return self.statement(text)

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
                f"WHEN {self.is_of(self.raw(cell), f'of{number}_{place}', values)} THEN {self.speech.number(name)}"
            )
        # Ones and noughts are their own squares.
        above = f"count(CASE WHEN v > CASE {' '.join(cases)} END THEN 1 END)"
        return "count(v)", above, above

    def binned(self, scale: str, values: Mapping[str, Value], ranges: Ranges | None = None, *, most: int) -> Statement:
        """A row for each cell and bin: how many values, the least and the largest.

        Args:
            scale: The bin of a value `v`, in SQL.
            values: Its parameters.
            ranges: Which values; None for all.
            most: How many bins there may be.
        """
        bound = dict(values)
        among = f" WHERE {self._among(ranges, bound)}" if ranges is not None else ""
        inner = f"SELECT {self.key}, v, {scale} AS bin FROM ({self.values()}) AS experiment{among}"
        text = f"SELECT {self.key}, count(*), min(v), max(v) FROM ({inner}) AS binned GROUP BY {self.key}, bin"
        return self.statement(text, bound, most=most)

    def between(self, ranges: Ranges, *, most: int) -> Statement:
        """A row for each cell and value inside ranges: how often it is there."""
        bound: dict[str, Value] = {}
        among = self._among(ranges, bound)
        inner = f"SELECT {self.key}, v FROM ({self.values()}) AS experiment WHERE {among}"
        text = f"SELECT {self.key}, count(*), v, v FROM ({inner}) AS chosen GROUP BY {self.key}, v"
        return self.statement(text, bound, most=most)

    def _among(self, ranges: Ranges, values: dict[str, Value]) -> str:
        """The condition that a row's value is in a range of its cell.

        It is a CASE, because a database takes the parts of a longer OR for conditions of their own, and then asks
        each of them twice.
        """
        cells = []
        for number, (raw, wanted) in enumerate(ranges.items()):
            parts = []
            for place, (low, high) in enumerate(wanted):
                values |= {f"low{number}_{place}": low, f"high{number}_{place}": high}
                ends = (self.speech.number(f"{end}{number}_{place}") for end in ("low", "high"))
                parts.append("v BETWEEN {} AND {}".format(*ends))
            cells.append(f"WHEN {self.is_of(raw, f'in{number}', values)} AND ({' OR '.join(parts)}) THEN 1")
        return f"CASE {' '.join(cells)} END = 1"
