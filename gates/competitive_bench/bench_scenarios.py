"""Scenarios: what is measured, at which size and against whom, read from TOML with all problems at once.

A scenario is seeded and states two sizes: the full one, and the reduced one
that the embedded world runs. What is wrong in a file is said with its line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.errors import PlanError, Problem, did_you_mean, listed

HERE = Path(__file__).parent
FOLDER = HERE / "scenarios"
WORKLOADS = {
    "vector": {"search", "insert", "delete"},
    "graph": {"walk", "neighbours"},
    "hybrid": {"hybrid", "search", "walk"},
}
KEYS = {
    "": {"name", "title", "workload", "seed", "mix", "full", "reduced", "target", "competitor"},
    "full": {"rows", "dimensions", "operations", "rounds", "seconds", "memory_mb", "digest"},
    "target": {"p99_ms", "delta_percent"},
    "competitor": {"name", "p99_ms"},
}
OPTIONAL = {"": {"competitor"}, "full": {"dimensions"}, "target": {"delta_percent"}, "competitor": set()}
_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done: so many rows, operations of a round, and rounds of so many seconds within so much memory.

    `digest` is the SHA-256 of the operations, written down once: whatever Python or machine makes them must agree.
    """

    rows: int
    operations: int
    rounds: int
    seconds: int
    memory_mb: int
    digest: str
    dimensions: int = 0


@dataclass(frozen=True, kw_only=True)
class Competitor:
    """A published P99, in ms, from lowest to highest."""

    name: str
    low_ms: float
    high_ms: float


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One workload of the campaign; `competitor` is None where nobody has published a figure."""

    name: str
    title: str
    workload: str
    seed: int
    mix: Mapping[str, int]
    full: Size
    reduced: Size
    target_ms: float
    delta_percent: float | None
    competitor: Competitor | None
    file: Path

    def size(self, name: str) -> Size:
        """The full or the reduced one."""
        return {"full": self.full, "reduced": self.reduced}[name]


def read_all(folder: Path = FOLDER) -> list[Scenario]:
    """Every scenario of a folder, by name.

    Raises:
        PlanError: All problems of all files.
    """
    found, problems = [], []
    for file in sorted(folder.glob("*.toml")):
        try:
            found.append(read(file))
        except PlanError as error:
            problems += error.problems
    if not found and not problems:
        problems.append(
            Problem(str(folder), 1, 1, "", "no scenario here", ("a scenario is a file that ends in .toml",))
        )
    if problems:
        raise PlanError(problems)
    return found


def read(file: Path) -> Scenario:
    """One scenario.

    Raises:
        PlanError: Everything wrong in it, each with its line.
    """
    text = ""
    try:
        text = file.read_text("utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError([Problem(file.name, 1, 1, "", f"cannot be read: {error}")]) from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError([_syntax(file.name, text, str(error))]) from None
    problems = sorted(_Looks(file.name, text).at(document, file.stem))
    if problems:
        raise PlanError(problems)
    competitor, target = document.get("competitor"), document["target"]
    return Scenario(
        **{key: document[key] for key in ("name", "title", "workload", "seed", "mix")},
        full=Size(**document["full"]),
        reduced=Size(**document["reduced"]),
        target_ms=float(target["p99_ms"]),
        delta_percent=float(target["delta_percent"]) if "delta_percent" in target else None,
        competitor=Competitor(
            name=competitor["name"], low_ms=float(competitor["p99_ms"][0]), high_ms=float(competitor["p99_ms"][1])
        )
        if competitor
        else None,
        file=file,
    )


def _syntax(where: str, text: str, message: str) -> Problem:
    """What TOML itself refuses, at its line."""
    match = _SYNTAX.match(message)
    what, line, column = match.groups() if match else (message, None, None)
    last = text.count("\n") + 1
    return Problem(where, int(line or last), int(column or 1), "", f"no TOML: {what}")


class _Looks:
    """What is wrong in one document. tomllib keeps no lines, so they are looked up in the text."""

    def __init__(self, where: str, text: str) -> None:
        self._where, self._lines = where, text.splitlines()

    def at(self, document: Mapping[str, object], stem: str) -> Iterator[Problem]:
        """All problems."""
        yield from self._keys("", document, KEYS[""], OPTIONAL[""])
        for table, kind in {"full": "full", "reduced": "full", "target": "target", "competitor": "competitor"}.items():
            if table in document:
                inner = document[table]
                if not isinstance(inner, dict):
                    yield self._problem("", table, "a table is meant", f"write [{table}]")
                    continue
                yield from self._keys(table, inner, KEYS[kind], OPTIONAL[kind])
                yield from self._figures(table, inner)
        yield from self._words(document, stem)
        yield from self._mix(document)
        for table in ("full", "reduced"):
            inner = document.get(table)
            wants = document.get("workload") in {"vector", "hybrid"}
            if isinstance(inner, dict) and wants != ("dimensions" in inner):
                said = "missing: vectors have dimensions" if wants else "a graph has no dimensions"
                yield self._problem(table, "dimensions", said)

    def _keys(self, table: str, inner: Mapping[str, object], known: set[str], optional: set[str]) -> Iterator[Problem]:
        for key in inner:
            if key not in known:
                yield self._problem(table, key, "unknown key", f"keys: {listed(known)}", *did_you_mean(key, known))
        for key in sorted(known - optional - set(inner)):
            yield self._problem(table, key, "missing")

    def _words(self, document: Mapping[str, object], stem: str) -> Iterator[Problem]:
        for key in ("name", "title", "workload"):
            if key in document and not isinstance(document[key], str):
                yield self._problem("", key, f"a text is meant, not {document[key]!r}")
        if isinstance(document.get("name"), str) and document["name"] != stem:
            yield self._problem("", "name", f"'{document['name']}' is not the name of the file", f"write '{stem}'")
        workload = document.get("workload")
        if isinstance(workload, str) and workload not in WORKLOADS:
            guess = did_you_mean(workload, WORKLOADS)
            yield self._problem(
                "", "workload", f"unknown workload '{workload}'", f"workloads: {listed(WORKLOADS)}", *guess
            )
        if "seed" in document and not _whole(document["seed"], least=0):
            yield self._problem("", "seed", f"a whole number from 0 on is meant, not {document['seed']!r}")
        competitor = document.get("competitor")
        if isinstance(competitor, dict) and not isinstance(competitor.get("name", ""), str):
            yield self._problem("competitor", "name", "a text is meant")

    def _figures(self, table: str, inner: Mapping[str, object]) -> Iterator[Problem]:
        for key, value in inner.items():
            if key == "digest":
                if not (isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value)):
                    made = f"python bench_sequence.py {self._where} {table} | sha256sum"
                    yield self._problem(table, key, f"a SHA-256 in hexadecimal is meant, not {value!r}", made)
            elif table in {"full", "reduced"} and key in KEYS["full"] and not _whole(value, least=1):
                yield self._problem(table, key, f"a whole number above 0 is meant, not {value!r}")
            elif key == "operations" and value % 100:
                yield self._problem(table, key, f"{value} is no multiple of 100, so the mix would not be exact")
            elif (table, key) == ("target", "p99_ms") and not (_real(value) and value > 0):
                yield self._problem(table, key, f"a number of ms above 0 is meant, not {value!r}")
            elif key == "delta_percent" and not (_real(value) and -100 < value < 0):
                yield self._problem(table, key, f"a change from -100 to 0 % is meant, not {value!r}")
            elif (table, key) == ("competitor", "p99_ms") and not _range(value):
                yield self._problem(table, key, f"lowest and highest published ms are meant, not {value!r}")

    def _mix(self, document: Mapping[str, object]) -> Iterator[Problem]:
        mix, known = document.get("mix"), WORKLOADS.get(str(document.get("workload")), set())
        if "mix" not in document:
            return
        if not isinstance(mix, dict) or not all(_whole(share, least=1) for share in mix.values()):
            yield self._problem("", "mix", "a table of whole numbers above 0 is meant")
            return
        for kind in mix:
            if known and kind not in known:
                guess = did_you_mean(kind, known)
                yield self._problem(
                    "mix", kind, "no operation of this workload", f"operations: {listed(known)}", *guess
                )
        if sum(mix.values()) != 100:
            yield self._problem("", "mix", f"adds up to {sum(mix.values())}, and 100 operations are divided")

    def _problem(self, table: str, key: str, found: str, *fix: str) -> Problem:
        line, column = self._place(table, key)
        return Problem(self._where, line, column, ".".join(filter(None, (table, key))), found, fix)

    def _place(self, table: str, key: str) -> tuple[int, int]:
        """Where a key stands; where it is missing, where its table begins."""
        current, begins = "", 1
        for number, text in enumerate(self._lines, start=1):
            if header := re.match(r"\s*\[([^\]]+)\]", text):
                current = header[1].strip()
                if current == table:
                    begins = number
                if not table and current == key:
                    return number, 1
            elif current == table and (match := re.match(rf"(\s*)[\"']?{re.escape(key)}[\"']?\s*[=.]", text)):
                return number, len(match[1]) + 1
        return begins, 1


def _whole(value: object, *, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _range(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_real, value)) and 0 < value[0] <= value[1]
