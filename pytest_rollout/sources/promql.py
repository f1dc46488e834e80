"""PromQL: which series a query looks at, and how far back.

An answer of Prometheus bears the time of the question, not of its data. To
ask how old the data is, one must know the selectors of the query. This is no
parser: it finds selectors, with the offsets and ranges around them, and says
`UnclearError` of anything that it does not surely know, whose age then stays
unknown. A library was weighed and left: it refuses MetricsQL and what newer
servers understand, and the server judges the query's grammar anyway.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKENS = re.compile(
    r"""
      (?P<space> \s+ | \#[^\n]* )
    | (?P<text> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*` )
    | (?P<duration> (?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+ (?![\w.]) )
    | (?P<number> 0[xX][0-9a-fA-F]+ | (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<braces> \{ (?: [^{}"'`\#] | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*` )* \} )
    | (?P<brackets> \[ [^\[\]"'`]* \] )
    | (?P<word> [A-Za-z_:][A-Za-z0-9_:]* )
    | (?P<sign> => | == | != | <= | >= | =~ | !~ | [-+*/%^<>=,()@] )
    """,
    re.VERBOSE | re.DOTALL,
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_WITH_LABELS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_BETWEEN = frozenset({"and", "or", "unless", "atan2", "default", "if", "ifnot", "keep_metric_names"})
_NUMBERS = frozenset({"inf", "nan"})


class UnclearError(ValueError):
    """Something in the query whose meaning for its age is not known."""


@dataclass(kw_only=True)
class Selector:
    """One selector of a query.

    Args:
        text: Its name and matchers, `http_requests_total{code="500"}`.
        offset: Seconds that it, or a subquery around it, looks back; negative is ahead.
        pinned: Seconds since 1970, "start" or "end" of the question, where `@` says so.
        reach: Seconds of the ranges on it and around it.
    """

    text: str
    offset: float = 0.0
    pinned: float | str | None = None
    reach: float = 0.0

    def spelt(self) -> str:
        """The selector with its modifiers, without ranges."""
        modifiers = ""
        if self.pinned is not None:
            modifiers += f" @ {self.pinned}()" if isinstance(self.pinned, str) else f" @ {self.pinned:.3f}"
        if self.offset:
            modifiers += f" offset {'-' if self.offset < 0 else ''}{abs(self.offset) * 1000:.0f}ms"
        return self.text + modifiers


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


@dataclass
class _Walk:
    """From token to token; `last` are the selectors of the expression that was just complete."""

    tokens: list[_Token]
    place: int = 0
    found: list[Selector] = field(default_factory=list)
    last: list[Selector] | None = None
    settled: set[int] = field(default_factory=set)
    opened: list[int] = field(default_factory=list)

    def next_is(self, *texts: str) -> bool:
        return self.place < len(self.tokens) and self.tokens[self.place].text.lower() in texts

    def take(self) -> _Token:
        if self.place == len(self.tokens):
            raise UnclearError("the query ends early")
        self.place += 1
        return self.tokens[self.place - 1]

    def take_sign(self) -> int:
        negative = self.next_is("-")
        self.place += negative
        return -1 if negative else 1


def selectors(query: str) -> tuple[Selector, ...]:
    """The selectors of a query, each spelling once, in their order; none for a constant.

    Raises:
        UnclearError: The query holds what is not known here.
    """
    walk = _Walk(_tokens(query))
    while walk.place < len(walk.tokens):
        _step(walk, walk.take())
    if walk.opened:
        raise UnclearError("a parenthesis is not closed")
    merged: dict[str, Selector] = {}
    for each in walk.found:
        known = merged.setdefault(each.spelt(), each)
        known.reach = max(known.reach, each.reach)
    return tuple(merged.values())


def _tokens(query: str) -> list[_Token]:
    found, place = [], 0
    while place < len(query):
        match = _TOKENS.match(query, place)
        if match is None or match.lastgroup is None:
            raise UnclearError(f"'{query[place : place + 20]}' is not understood")
        if match.lastgroup != "space":
            found.append(_Token(match.lastgroup, match[0]))
        place = match.end()
    return found


def _step(walk: _Walk, token: _Token) -> None:
    if token.kind == "word":
        _word(walk, token.text)
    elif token.kind == "braces":
        _selected(walk, token.text)
    elif token.kind == "brackets":
        _ranged(walk, token.text)
    elif token.text == "(":
        walk.opened.append(len(walk.found))
        walk.last = None
    elif token.text == ")":
        _closed(walk)
    elif token.text == "@":
        _pinned(walk)
    else:
        walk.last = None if token.kind == "sign" else []


def _word(walk: _Walk, word: str) -> None:
    name = word.lower()
    if name in _WITH_LABELS and not walk.next_is("{"):
        if walk.next_is("("):
            while walk.take().text != ")":
                pass
        elif not name.startswith("group_"):
            raise UnclearError(f"'{word}' stands where a series was meant")
        # `sum(x) by (job)` is complete before and after; `on (job)` still waits for its right side.
    elif walk.last is not None and name == "offset":
        _moved(walk)
    elif walk.last is not None and name in _BETWEEN:
        walk.last = None
    elif name in {*_BETWEEN, "offset", "bool", "with"} and not (name == "bool" and walk.last is None):
        raise UnclearError(f"'{word}' stands where a series was meant")
    elif walk.next_is("(", "by", "without") or name == "bool":
        walk.last = None  # a function or an aggregation: its parentheses say what it looks at
    elif name in _NUMBERS:
        walk.last = []
    else:
        braces = walk.take().text if walk.place < len(walk.tokens) and walk.tokens[walk.place].kind == "braces" else ""
        _selected(walk, word + braces)


def _selected(walk: _Walk, text: str) -> None:
    if walk.last is not None:
        raise UnclearError(f"nothing joins '{text[:40]}' to what stands before it")
    selector = Selector(text=text)
    walk.found.append(selector)
    walk.last = [selector]


def _closed(walk: _Walk) -> None:
    if not walk.opened:
        raise UnclearError("a parenthesis is closed that was not opened")
    walk.last = walk.found[walk.opened.pop() :]
    # What is pinned inside is not moved by what stands outside.
    walk.settled.update(id(each) for each in walk.last if each.pinned is not None)


def _ranged(walk: _Walk, brackets: str) -> None:
    if walk.last is None:
        raise UnclearError("a range stands alone")
    length, _, _ = brackets[1:-1].partition(":")
    seconds = _seconds(length.strip())
    for each in walk.last:
        each.reach += seconds


def _moved(walk: _Walk) -> None:
    seconds = walk.take_sign() * _seconds(walk.take().text)
    for each in walk.last or ():
        if id(each) not in walk.settled:
            each.offset += seconds


def _pinned(walk: _Walk) -> None:
    if walk.last is None:
        raise UnclearError("'@' stands alone")
    sign, token = walk.take_sign(), walk.take()
    pinned: float | str
    if token.text in {"start", "end"} and walk.next_is("("):
        pinned = token.text
        walk.take(), walk.take()
    elif token.kind == "number":
        pinned = sign * float(token.text)
    else:
        raise UnclearError(f"'@ {token.text[:20]}' is not understood")
    for each in walk.last:
        if id(each) not in walk.settled:
            each.pinned = pinned


def _seconds(text: str) -> float:
    """A duration in seconds; a plain number is seconds."""
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    raise UnclearError(f"'{text[:20]}' is no duration that is known here")
