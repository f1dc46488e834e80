"""Numbers: the plain numbers and words of a plan that must lie in a range."""

from __future__ import annotations

import re
from collections.abc import Callable

from pytest_rollout.errors import QuantityError
from pytest_rollout.plan.thresholds import parse_number

SUMMARY_PATTERN = r"(?:mean|max|min|last|slope|growth|p[0-9]{1,2}(?:\.[0-9]+)?)"
"""What a window can be summarised as."""


def _between(about: str, low: float, high: float, *, example: str) -> Callable[[str], float]:
    """A reader of numbers strictly between two ends."""

    def parse(text: str) -> float:
        fix = f"write a number between {low:g} and {high:g}, such as {example}"
        try:
            value = parse_number(text)
        except QuantityError as error:
            found = str(error).partition("\n")[0]
            raise QuantityError(f"{found}\n{fix}") from None
        if not low < value < high:
            raise QuantityError(f"{text} is no {about}\n{fix}")
        return value

    return parse


parse_confidence = _between("confidence of a bound", 0.5, 1, example="0.95")
parse_quantile = _between("quantile", 0, 1, example="0.99")


def parse_burst(text: str) -> float:
    """Read how many events come together: 1 or more.

    Raises:
        QuantityError: Less than 1, or not a number.
    """
    value = parse_number(text)
    if value < 1:
        raise QuantityError(f"{text} events together are none\nwrite 1 for events that are independent, or more")
    return value


def parse_summary(text: str) -> str:
    """Read what a window is summarised as.

    Raises:
        QuantityError: Another word, or a percentile of nothing.
    """
    if re.fullmatch(SUMMARY_PATTERN, text) is None or re.fullmatch(r"p0+(\.0+)?", text):
        raise QuantityError(
            f"'{text}' is nothing that a window has\nwords: growth, last, max, mean, min, slope, or p99 and the like"
        )
    return text
