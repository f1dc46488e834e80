"""Arguments: what the words of a command line mean, or why one means nothing."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_rollout.errors import QuantityError
from pytest_rollout.quantities import parse_duration

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    """The commands of `rollout`, to which each module adds its own."""


def moment(text: str) -> datetime:
    """An argument that says when: ISO 8601 with a zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no moment: write it as 2026-11-07T09:00Z") from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"'{text}' has no zone: write it as 2026-11-07T09:00Z")
    return at


def named(text: str) -> str:
    """An argument that must not be empty: an empty one is a variable that was not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: is the variable set?")
    return text


def duration(text: str) -> timedelta:
    """An argument that says how long, such as `15m`."""
    try:
        return parse_duration(text)
    except QuantityError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
