"""Compare: two arrays of rows, judged as arms of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuantityError, QuestionError
from pytest_rollout.experiment.arrays import ArraySamples, Codes, Numbers
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import Design, Doubt

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

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
        looks: `once` for one planned look at the data; `continuous` for bounds that hold however often one looks.
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
    cells = {("control", ""): kept[0], ("treatment", ""): kept[1]}
    coded, doubt = (None, None) if units is None else _units(units, [present for _, present in kept])
    try:
        design = Design(
            confidence=confidence, looks=looks, planned=planned, unit=unit, name=name or "value", doubt=doubt
        )
    except ValueError as error:
        raise QuantityError(f"compare: {error}") from error
    samples = ArraySamples(
        {cell: values[present] for cell, (values, present) in cells.items()},
        None if coded is None else dict(zip(cells, coded, strict=True)),
        {cell: int(len(present) - np.count_nonzero(present)) for cell, (_, present) in cells.items()},
    )
    return Comparison(samples, design)


def _numbers(of: str, rows: ArrayLike, nan: str) -> tuple[Numbers, np.ndarray]:
    """Rows as floats, and which of them have a value."""
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
    values = array.astype(np.float64) if len(array) else np.empty(0)
    present = ~np.isnan(values)
    if nan == "raise" and not present.all():
        count = int(np.count_nonzero(~present))
        raise QuantityError(
            f"compare: {count} of {len(values)} values of {of} are NaN\n"
            "  leave them out with nan='omit', which counts them; a timeout is inf, not NaN"
        )
    return values, present


def _number(of: str, value: object) -> float:
    if value is None:
        return float("nan")
    try:
        return float(value)  # type: ignore[arg-type]  # asked just here
    except (TypeError, ValueError) as error:
        raise QuantityError(f"compare: {of} holds {value!r}, which is not a number") from error


def _units(units: tuple[ArrayLike, ArrayLike], present: Sequence[np.ndarray]) -> tuple[list[Codes], Doubt | None]:
    """The units of the rows that have a value, as numbers from 0, and what is wrong with them."""
    if len(units) != 2:
        raise QuestionError("compare: units is a pair, (units of control, units of treatment)")
    arrays = [np.asarray(each) for each in units]
    for of, array, rows in zip(("control", "treatment"), arrays, present, strict=True):
        if array.shape != rows.shape:
            raise QuantityError(f"compare: units of {of} have shape {array.shape} and its rows {rows.shape}")
        if (array.dtype.kind == "f" and np.isnan(array).any()) or (
            array.dtype.kind == "O" and any(each is None or each != each for each in array)  # noqa: PLR0124 - NaN
        ):
            raise QuantityError(f"compare: some rows of {of} have no unit (NaN or None)")
    kept = [array[rows] for array, rows in zip(arrays, present, strict=True)]
    coded = _coded(kept)
    return coded, _contaminated(coded)


def _coded(kept: Sequence[np.ndarray]) -> list[Codes]:
    """Units of both arms as numbers, the same for the same unit."""
    size = sum(len(each) for each in kept)
    if all(len(each) and each.dtype.kind in "iu" for each in kept) and all(
        each.min() >= 0 and each.max() < DENSE * size for each in kept
    ):
        return [each.astype(np.intp, copy=False) for each in kept]
    together = np.concatenate([each.astype(str) if each.dtype.kind == "O" else each for each in kept])
    codes = np.unique(together, return_inverse=True)[1]
    return list(np.split(codes.astype(np.intp, copy=False), [len(kept[0])]))


def _contaminated(coded: Sequence[Codes]) -> Doubt | None:
    """Whether units are in both arms."""
    if not all(len(each) for each in coded):
        return None
    size = max(int(each.max()) for each in coded) + 1
    seen = []
    for each in coded:
        mask = np.zeros(size, dtype=bool)
        mask[each] = True
        seen.append(mask)
    both, all_units = int((seen[0] & seen[1]).sum()), int((seen[0] | seen[1]).sum())
    if both <= MOST_SHARED * all_units:
        return None
    return Doubt(Reason.INVALID, f"{both} of {all_units} units have rows in both arms, so these are not two groups")
