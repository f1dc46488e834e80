"""Sequential: how far out a bound must be to hold at every look together.

A fixed interval that is looked at every hour is wrong again and again, each
time anew. A mixture over all effects that may be there pays for that once:
its multiplier takes the place of 1.645 and holds whenever one stops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DEFAULT_PLANNED = 10_000.0
"""Where bounds are shortest when nobody planned; they hold everywhere."""
LEAST = 1e-300


@dataclass(frozen=True)
class Mixture:
    """A one-sided normal mixture, tuned before the start.

    Args:
        spread: ρ², the variance of the mixture for one row, in those of a row; see `tuned`.
    """

    spread: float

    @classmethod
    def tuned(cls, planned: float, alpha: float) -> Mixture:
        """The mixture whose bounds are shortest at `planned` rows.

        Args:
            planned: Rows of the smaller arm at which the answer is wanted; fixed before the start.
            alpha: Level of one bound, above 0 and below 0.5.

        Raises:
            ValueError: `planned` is not a positive number.
        """
        if not 0 < planned < math.inf:
            raise ValueError(f"planned is {planned}, not a positive number of rows")
        log = -2 * math.log(2 * alpha)
        return cls((log + math.log1p(log)) / planned)

    def multiplier(self, rows: float, alpha: float) -> float:
        """How many standard errors away a bound of level `alpha` lies after `rows` rows.

        Rows are the clock: what units carry along is in the standard error.

        Source:
            Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), Time-uniform
            central limit theory and asymptotic confidence sequences, Annals
            of Statistics 52 (arXiv 2103.06476), one-sided.
        """
        y = rows * self.spread
        return math.sqrt(2 * (y + 1) / y * math.log1p(math.sqrt(y + 1) / (2 * alpha)))

    def level(self, errors: float, rows: float) -> float:
        """The smallest level at which a bound lies no further than `errors` standard errors: `multiplier`, inverted.

        A valid p-value at every look; a little larger than 1/e of the mixture itself.
        """
        y = rows * self.spread
        if errors <= 0:
            return 1.0
        exponent = errors * errors * y / (2 * (y + 1))
        if exponent > 690:
            return LEAST
        return min(1.0, max(LEAST, math.sqrt(y + 1) / (2 * math.expm1(exponent))))
