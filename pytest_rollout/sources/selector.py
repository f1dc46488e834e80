"""Selector: the small query language of sources that compute by themselves.

`sum(rate(http_requests_total{code=~"5..", path!="/health"}[5m]))`: functions
around one name with matchers and a range, written as in PromQL and meaning
what they mean there. Which functions there are, the source says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pytest_rollout.errors import QuantityError, SourceError
from pytest_rollout.quantities import parse_duration
from pytest_rollout.sources.document import first_line

_FUNCTION = re.compile(r"\s*([a-z_][a-z0-9_]*)(\s+by\s*\(\s*le\s*\)\s*|\s*)\(")
_SELECTOR = re.compile(
    r"""\s* (?P<name>[a-zA-Z_:][\w:]*)? \s*
        (?:\{ (?P<matchers> (?:[^{}"'] | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*')*+ ) \})? \s*
        (?:\[ (?P<window>[^\[\]]*) \])? \s*
        (?P<closed> (?:\)\s*)* )""",
    re.VERBOSE,
)
_MATCHER = re.compile(
    r"""\s* ([a-zA-Z_]\w*) \s* (=~|!~|!=|=) \s* ("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*') \s* (?:,\s*|\Z)""", re.VERBOSE
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t"}
_PLAIN_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_MAX_TEXT = 1024


@dataclass(frozen=True)
class Matcher:
    """One condition on a label: `=`, `!=`, or `=~`, `!~` with a regular expression for the whole value."""

    label: str
    operator: str
    text: str

    def accepts(self, value: str) -> bool:
        """Whether a label's value, "" where there is no such label, fulfils it."""
        if self.operator in {"=", "!="}:
            return (value == self.text) == (self.operator == "=")
        # What is this long is no label; matching it could take longer than anybody waits.
        found = len(value) <= _MAX_TEXT and re.fullmatch(self.text, value, re.DOTALL) is not None
        return found == (self.operator == "=~")


@dataclass(frozen=True)
class Expression:
    """A query that was read: functions from the outside in, a name or "", matchers, and the range or None."""

    functions: tuple[str, ...]
    name: str
    matchers: tuple[Matcher, ...]
    window: timedelta | None

    def accepts(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fulfil every matcher."""
        return all(matcher.accepts(labels.get(matcher.label, "")) for matcher in self.matchers)


def parse_expression(query: str, functions: Sequence[Sequence[str]], where: str) -> Expression:
    """A query as its parts.

    Args:
        query: As somebody wrote it.
        functions: The sequences of functions that the source knows, from the outside in.
        where: Begins a message.

    Raises:
        SourceError: It is none, or has other functions.
    """
    found: list[str] = []
    end = 0
    while match := _FUNCTION.match(query, end):
        found.append(f"{match[1]} by (le) " if match[2].strip() else match[1])
        end = match.end()
    match = _SELECTOR.fullmatch(query, end)
    if match is None or match["closed"].count(")") != len(found) or not (match["name"] or match["matchers"] or found):
        raise SourceError(f"{where}: '{first_line(query, 80)}' is no query\nqueries: {_written(functions)}")
    if tuple(found) not in {tuple(each) for each in functions}:
        chain = "(".join([*found, "…" + ")" * len(found)]) or "a name alone"
        raise SourceError(f"{where}: {first_line(chain, 80)} is not answered here\nqueries: {_written(functions)}")
    matchers = tuple(_matchers(match["matchers"] or "", where))
    return Expression(tuple(found), match["name"] or "", matchers, _window(match["window"], where))


def _written(functions: Sequence[Sequence[str]]) -> str:
    return ", ".join("(".join([*each, 'name{label="text"}']) + ")" * len(each) for each in functions)


def _matchers(text: str, where: str) -> list[Matcher]:
    found: list[Matcher] = []
    end = 0
    while text[end:].strip():
        match = _MATCHER.match(text, end)
        if match is None:
            rest = first_line(text[end:], 60)
            raise SourceError(
                f"{where}: '{rest}' is no matcher\nwrite label=\"text\", !=, =~ or !~, with commas between"
            )
        found.append(Matcher(match[1], match[2], _unquoted(match[3], match[2], where)))
        end = match.end()
    return found


def _unquoted(quoted: str, operator: str, where: str) -> str:
    def escaped(escape: re.Match[str]) -> str:
        if escape[1] not in _ESCAPES:
            raise SourceError(f"{where}: '{escape[0]}' is no escape of a text\nwrite \\\\ for one backslash")
        return _ESCAPES[escape[1]]

    text = _ESCAPE.sub(escaped, quoted[1:-1])
    if operator in {"=~", "!~"}:
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise SourceError(f"{where}: '{first_line(text, 60)}' is no regular expression: {error}") from None
        if not tame(text):
            raise SourceError(
                f"{where}: the regular expression '{first_line(text, 60)}' could take very long\n"
                "write at most two of *, + and {} in it, and none behind a bracket"
            )
    return text


def tame(pattern: str) -> bool:
    """Whether an expression surely ends soon on a short text: few repetitions, none of them of a group."""
    bare = _PLAIN_PARTS.sub("x", pattern)
    repeated = re.findall(r"(.?)([*+{])", bare)
    nested = any(before == ")" for before, _ in repeated)
    return (
        len(pattern) <= _MAX_TEXT
        and len(repeated) <= 2
        and not nested
        and "(?" not in bare.replace("(?:", "").replace("(?i)", "")
    )


def _window(text: str | None, where: str) -> timedelta | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except QuantityError:
        raise SourceError(
            f"{where}: the range '[{first_line(text, 30)}]' is no duration\nwrite [5m] or [24h]"
        ) from None
