"""Selection: which phases the expression after `-m` asks for.

A phase is asked for when it is named and the expression can hold for a gate
of that phase alone. `phase3 and not slow` asks for phase3 (and leaves gates
out, which the book notices); `not phase3` asks for none.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from types import CodeType

from _pytest.mark import expression as marker_expression
from _pytest.mark.expression import Expression

from pytest_rollout.errors import UsageError, did_you_mean, listed

_MOST_NAMES = 12
# pytest 8 has an exception of its own for what pytest 9 calls a syntax error.
_MALFORMED = (SyntaxError, getattr(marker_expression, "ParseError", SyntaxError))


def phases_asked(expression: str, *, phases: Collection[str], markers: Collection[str]) -> tuple[str, ...]:
    """The phases that `-m expression` asks for, sorted.

    Args:
        expression: What stands after `-m`; empty when nothing does.
        phases: Every phase that a plan of this run declares.
        markers: Every registered marker.

    Raises:
        UsageError: The expression names something that is neither a phase nor
            a marker, or more names than can be told apart.
    """
    if not expression.strip():
        return ()
    try:
        compiled = Expression.compile(expression)
    except _MALFORMED as error:
        raise UsageError(f"-m {expression!r} is no marker expression: {getattr(error, 'msg', error)}") from error
    names = _names(compiled)
    unknown = sorted(names - set(phases) - set(markers))
    if unknown:
        raise UsageError("\n".join(_unknown(expression, unknown, phases)))
    if len(names) > _MOST_NAMES:
        raise UsageError(
            f"-m {expression!r} has more than {_MOST_NAMES} names: ask for the phases you mean, joined by 'or'"
        )
    return tuple(sorted(name for name in names & set(phases) if _satisfiable(compiled, name, names - set(phases))))


def _unknown(expression: str, unknown: list[str], phases: Collection[str]) -> list[str]:
    lines = [f"-m {expression!r}: no plan declares {listed(unknown)}, and no marker is called so"]
    lines.append(f"  phases: {listed(phases)}")
    return lines + [f"  {line}" for name in unknown for line in did_you_mean(name, phases)]


def _satisfiable(expression: Expression, phase: str, others: Collection[str]) -> bool:
    """Whether the expression holds for a gate of `phase` and no other phase, with some choice of other markers."""
    ordered = sorted(others)
    for choice in product((True, False), repeat=len(ordered)):
        true = {phase, *(name for name, chosen in zip(ordered, choice, strict=True) if chosen)}
        if expression.evaluate(lambda name, /, true=true, **_arguments: name in true):
            return True
    return False


def _names(expression: Expression) -> set[str]:
    """The identifiers of an expression; pytest 8.4 and 9.0 keep them only in the compiled code, each elsewhere."""
    if hasattr(expression, "idents"):
        return set(expression.idents())
    code: CodeType = getattr(expression, "code" if hasattr(expression, "code") else "_code")
    return {name.removeprefix("$") for name in code.co_names}
