"""SQL text: where `:at`, `:start` and `:end` stand in a query, and whether it is one SELECT.

A query is never put together from values. What is looked for here are the
places of its parameters; texts, quoted names, comments and casts (`::`) stay
as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.protocol import Question

_TOKENS = re.compile(
    r"""
      (?P<keep> [eE]'(?:\\.|''|[^'\\])*' | '(?:''|[^'])*' | "(?:""|[^"])*" | `(?:``|[^`])*`
              | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | --[^\n]* | /\*.*?\*/ | :: )
    | (?<![\w:]) : (?P<name> at | start | end ) \b
    | (?P<end> ; )
    """,
    re.VERBOSE | re.DOTALL,
)
_FIRST = re.compile(r"[\s(]*(\w+)")
_READS = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "FROM"})
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|INTO)\b", re.IGNORECASE)
_BARE_AT = re.compile(r"\bat\b", re.IGNORECASE)


def rewritten(query: str, marker: Callable[[str], str], other: Callable[[str], str] = str) -> str:
    """The query with each parameter as `marker(name)` writes it, and all else as `other` does."""
    return "".join(marker(text) if is_name else other(text) for is_name, text in _pieces(query))


def _pieces(query: str) -> Iterator[tuple[bool, str]]:
    """The query in pieces: a parameter's name, or text in between."""
    start = 0
    for token in _TOKENS.finditer(query):
        if token["name"]:
            yield False, query[start : token.start()]
            yield True, token["name"]
            start = token.end()
    yield False, query[start:]


def parameters(query: str) -> frozenset[str]:
    """Which of `at`, `start` and `end` the query uses."""
    return frozenset(text for is_name, text in _pieces(query) if is_name)


def values_of(names: Collection[str], question: Question, where: str) -> dict[str, datetime]:
    """The instants of the parameters that a query uses.

    Raises:
        SourceError: The query looks at a window and the question does not, or the other way round.
    """
    if "start" in names and question.start is None:
        raise SourceError(
            f"{where}: the query uses :start, and it is asked for one instant\n"
            "ask the metric for a window, or leave :start out"
        )
    if question.start is not None and "start" not in names:
        raise SourceError(
            f"{where}: a window is asked, and the query does not use :start\n"
            'let it choose the window\'s rows: WHERE "at" > :start AND "at" <= :end'
        )
    known = {"at": question.at, "end": question.at, "start": question.start}
    # In UTC, because some databases have no zones and drop them.
    return {name: each.astimezone(UTC) for name in names if (each := known.get(name)) is not None}


def without_end(query: str) -> str:
    """The query without its semicolons, so that it can stand inside another."""
    return _TOKENS.sub(lambda token: " " if token["end"] else token[0], query)


def one_select(query: str, where: str) -> None:
    """Refuse what is not one SELECT, of databases that do not say what a statement is before they run it.

    The database is told to read only, too; this says it sooner and in better words.

    Raises:
        SourceError: Nothing, several statements, or one that changes data.
    """
    bare = _TOKENS.sub(lambda token: ";" if token["end"] else " x " if token["name"] else " ", query)
    statements = [each for each in bare.split(";") if each.strip()]
    if len(statements) != 1:
        raise SourceError(f"{where}: the query holds {len(statements)} statements where one SELECT was meant")
    first = _FIRST.match(statements[0])
    if first is None or first[1].upper() not in _READS:
        seen = first[1].upper() if first else first_line(query, 30)
        raise SourceError(f"{where}: the query is {seen}, and only SELECT is asked")
    if writes := _WRITES.search(statements[0]):
        word = writes[0].upper()
        raise SourceError(
            f"{where}: the query says {word}, and only SELECT is asked\nif it is a name, write it with quotes"
        )


def has_bare_at(query: str) -> bool:
    """Whether the word `at` stands in the query as a name without quotes."""
    return _BARE_AT.search(_TOKENS.sub(" ", query)) is not None
