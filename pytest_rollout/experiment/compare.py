"""Compare: two arrays of rows, judged as arms of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuantityError, QuestionError
from pytest_rollout.experiment.arrays import ArraySamples, Codes, Numbers
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import BOOLEANS, Design, Doubt

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Present = NDArray[np.bool_] | None

MOST_SHARED = 0.001
"""Above this share of units in both arms the arms are not two groups."""
DENSE = 4
"""Whole numbers up to so many times the rows are unit numbers as they are."""


def compare(
    control: ArrayLike,
    treatment: ArrayLike,
    *,
    units: tuple[ArrayLike, ArrayLike] | None = None,
    iid: bool = False,
    confidence: float = 0.95,
    looks: Literal["once", "continuous"] = "once",
    planned: float | None = None,
    nan: Literal["raise", "omit"] = "raise",
    unit: str = "",
    name: str = "",
) -> Comparison:
    """Compare the rows of two arms: `compare(before, after, iid=True).p99.delta < 10`.

    Args:
        control: Shape `(n,)`, numbers or booleans, one for each row; `inf` is a row that never ended, a timeout.
        treatment: Shape `(m,)`, likewise.
        units: The unit of each row of either arm, such as a customer: what was put into an arm by chance. Rows of
            one unit are alike, and telling so keeps bounds from being too narrow.
        iid: Says that rows are independent of one another, in place of `units`.
        confidence: Of each bound on its own, above 0.5 and below 1.
        looks: `once` for one planned look at the data; `continuous` for bounds that hold however often one looks. Then
            only booleans have a mean, because the range of numbers is not known.
        planned: Rows of the smaller arm at which an answer is expected. Fewer are HOLD[information].
        nan: `raise`, or `omit` to leave rows without a value out and count them.
        unit: The unit of the values, such as `ms`.
        name: What they are, as messages call it.

    Returns:
        A `Comparison`. Too few rows, arms that do not vary and units in both
        arms make no error: they leave every claim inconclusive, with the reason.

    Raises:
        QuestionError: Neither `units` nor `iid`, or both, or an option that is none.
        QuantityError: Values that are no numbers, NaN, shapes that do not fit, or a number out of range.
    """
    if (units is None) == (not iid):
        raise QuestionError(
            "compare: are rows independent? Name the unit of each row, units=(of control, of treatment), "
            "or say iid=True" + ("; not both" if iid else "")
        )
    if nan not in {"raise", "omit"}:
        raise QuestionError(f"compare: nan is {nan!r}, not 'raise' or 'omit'")
    kept = [_numbers(of, side, nan) for of, side in (("control", control), ("treatment", treatment))]
    cells = (("control", ""), ("treatment", ""))
    coded = None if units is None else _units(units, kept)
    samples = ArraySamples(
        {cell: _where(values, present) for cell, (values, present) in zip(cells, kept, strict=True)},
        None if coded is None else dict(zip(cells, coded, strict=True)),
        {cell: 0 if present is None else _missing(present) for cell, (_, present) in zip(cells, kept, strict=True)},
    )
    doubt = None if coded is None else _contaminated(*samples.shared_units(*cells))
    try:
        design = Design(
            confidence=confidence,
            looks=looks,
            planned=planned,
            value_range=BOOLEANS if all(np.asarray(each).dtype.kind == "b" for each in (control, treatment)) else None,
            unit=unit,
            name=name or "value",
            doubt=doubt,
        )
    except ValueError as error:
        raise QuantityError(f"compare: {error}") from error
    return Comparison(samples, design)


def _numbers(of: str, rows: ArrayLike, nan: str) -> tuple[Numbers, Present]:
    """Rows as floats, and which of them have a value; None where all have."""
    array = np.asarray(rows)
    if array.ndim != 1:
        raise QuantityError(f"compare: {of} has shape {array.shape}, not (n,): one number for each row")
    if array.dtype.kind == "O" and not any(isinstance(each, (str, bytes)) for each in array):
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            array = np.array([_number(of, each) for each in array])
    if array.dtype.kind not in "biuf" and len(array):
        shown = array[0] if array.dtype.kind != "O" else next(each for each in array if isinstance(each, (str, bytes)))
        raise QuantityError(
            f"compare: {of} holds {shown.item() if isinstance(shown, np.generic) else shown!r}, which is not a number: "
            "numbers or booleans are compared (text that says 'true' is neither)"
        )
    values = array.astype(np.float64, copy=False) if len(array) else np.empty(0)
    absent = np.isnan(values)
    if not absent.any():
        return values, None
    if nan == "raise":
        raise QuantityError(
            f"compare: {int(np.count_nonzero(absent))} of {len(values)} values of {of} are NaN\n"
            "  leave them out with nan='omit', which counts them; a timeout is inf, not NaN"
        )
    return values, ~absent


def _where(values: np.ndarray, present: Present) -> np.ndarray:
    return values if present is None else values[present]


def _missing(present: np.ndarray) -> int:
    return int(len(present) - np.count_nonzero(present))


def _number(of: str, value: object) -> float:
    if value is None:
        return float("nan")
    try:
        return float(value)  # type: ignore[arg-type]  # asked just here
    except (TypeError, ValueError) as error:
        raise QuantityError(f"compare: {of} holds {value!r}, which is not a number") from error


def _units(units: tuple[ArrayLike, ArrayLike], rows: Sequence[tuple[Numbers, Present]]) -> list[Codes]:
    """The units of the rows that have a value, as numbers from 0, the same for the same unit."""
    if len(units) != 2:
        raise QuestionError("compare: units is a pair, (units of control, units of treatment)")
    kept = []
    for of, given, (values, present) in zip(("control", "treatment"), units, rows, strict=True):
        array = np.asarray(given)
        if array.shape != values.shape:
            raise QuantityError(f"compare: units of {of} have shape {array.shape} and its rows {values.shape}")
        if (array.dtype.kind == "f" and np.isnan(array).any()) or (
            array.dtype.kind == "O" and any(each is None or each != each for each in array)  # noqa: PLR0124 - NaN
        ):
            raise QuantityError(f"compare: some rows of {of} have no unit (NaN or None)")
        kept.append(_where(array, present))
    size = sum(len(each) for each in kept)
    if all(len(each) and each.dtype.kind in "iu" for each in kept) and all(
        each.min() >= 0 and each.max() < DENSE * size for each in kept
    ):
        return [each.astype(np.intp, copy=False) for each in kept]
    together = np.concatenate([each.astype(str) if each.dtype.kind == "O" else each for each in kept])
    codes = np.unique(together, return_inverse=True)[1]
    return list(np.split(codes.astype(np.intp, copy=False), [len(kept[0])]))


def _contaminated(both: int, every: int) -> Doubt | None:
    """Whether too many units are in both arms."""
    if both <= MOST_SHARED * every:
        return None
    return Doubt(Reason.INVALID, f"{both} of {every} units have rows in both arms, so these are not two groups")
