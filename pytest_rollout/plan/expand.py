"""Expanding: environment variables filled into one environment, and nowhere else.

`${NAME}` is the variable, `${NAME:-default}` says what stands in for an unset
or empty one, `$$` is a dollar. No message and no repr holds a value that was
filled in, because most of them are secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_rollout.errors import PlanError, Problem
from pytest_rollout.plan.environment import Environment, SourceConfig
from pytest_rollout.plan.nodes import Place, clipped, shown_path, unprintable
from pytest_rollout.sources.protocol import OptionValue

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PIECE = re.compile(rf"\$\$|\$\{{(?P<name>{_NAME})(?P<default>:-[^{{}}]*)?\}}|(?P<malformed>\$\{{)")


def expand(environment: Environment, environ: Mapping[str, str], *, shown: str | None = None) -> Environment:
    """The environment with every variable filled in.

    Args:
        environment: As the plan states it.
        environ: The variables, usually `os.environ`.
        shown: How messages name the plan's file; if not said, as in `load_plan`.

    Raises:
        PlanError: With every variable that is missing, is empty and has no
            default, is malformed, or holds a line break or control character.
    """
    filler = _Filler(environ, shown if shown is not None else shown_path(environment.place.file))
    expanded = replace(
        environment,
        target=filler.text(environment.target, environment.target_place or environment.place),
        flags=filler.source(environment.flags) if environment.flags is not None else None,
        sources={name: filler.source(source) for name, source in environment.sources.items()},
        ledger=filler.text(environment.ledger, environment.ledger_place or environment.place),
        load=tuple(filler.text(each, environment.place) for each in environment.load),
        change_since=filler.text(environment.change_since, environment.change_since_place or environment.place),
    )
    if filler.problems:
        raise PlanError(list(dict.fromkeys(filler.problems)))
    return expanded


def expand_actions(actions: Sequence[SourceConfig], environ: Mapping[str, str]) -> tuple[SourceConfig, ...]:
    """Actions with every variable filled in.

    Raises:
        PlanError: As for an environment.
    """
    if not actions:
        return ()
    filler = _Filler(environ, shown_path(actions[0].place.file))
    expanded = tuple(map(filler.source, actions))
    if filler.problems:
        raise PlanError(list(dict.fromkeys(filler.problems)))
    return expanded


def expand_text(text: str, environ: Mapping[str, str], place: Place) -> str:
    """One text with every variable filled in.

    Raises:
        PlanError: As for an environment.
    """
    filler = _Filler(environ, shown_path(place.file))
    expanded = filler.text(text, place)
    if filler.problems:
        raise PlanError(filler.problems)
    return expanded


@dataclass
class _Filler:
    """Fills texts in, and notes what cannot be."""

    environ: Mapping[str, str] = field(repr=False)
    shown: str
    problems: list[Problem] = field(default_factory=list)

    def source(self, source: SourceConfig) -> SourceConfig:
        options = {
            name: self._option(value, source.places.get(name, source.place)) for name, value in source.options.items()
        }
        return replace(source, options=options)

    def _option(self, value: OptionValue, place: Place) -> OptionValue:
        if isinstance(value, str):
            return self.text(value, place)
        if isinstance(value, Mapping):
            return {key: self._value(below, place) for key, below in value.items()}
        return [self._value(item, place) for item in value]

    def _value(self, value: object, place: Place) -> object:
        return self._option(value, place) if isinstance(value, str | Mapping | list) else value

    def text(self, text: str, place: Place) -> str:
        return _PIECE.sub(lambda match: self._piece(match, place), text)

    def _piece(self, match: re.Match[str], place: Place) -> str:
        if match["malformed"]:
            self._note(
                place, "'${' without a name and a '}'", "write ${NAME} or ${NAME:-default}; a plain dollar is $$"
            )
            return ""
        if not match["name"]:
            return "$"
        return self._variable(match["name"], match["default"], place)

    def _variable(self, name: str, default: str | None, place: Place) -> str:
        value = self.environ.get(name, "")
        if not value and default is not None:
            return default.removeprefix(":-")
        if not value:
            state = "empty" if name in self.environ else "not set"
            fix = f"set it, or give a default: ${{{name}:-...}}"
            self._note(place, f"environment variable '{clipped(name)}' is {state}", fix)
        elif unprintable(value):
            # A line break in a token would add a header to every request.
            found = f"environment variable '{clipped(name)}' holds a line break or a control character"
            self._note(place, found, "set it to one line; the value is not shown")
        return value

    def _note(self, place: Place, found: str, *fix: str) -> None:
        self.problems.append(Problem(self.shown, place.line, place.column, place.path, found, fix))
