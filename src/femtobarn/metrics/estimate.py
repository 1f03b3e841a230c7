"""What every metric of two samples returns."""

import math
from typing import NamedTuple


class Estimate(NamedTuple):
    """A measured difference between a real and a generated sample, with what it takes to read it."""

    value: float
    error: float  # one standard error of the value
    n_real: int
    n_generated: int
    null: float = math.nan  # what two samples of the same thing, of this size, give on average
    null_error: float = math.nan  # how much that scatters from pair to pair
    method: str = ""  # the estimator and every setting it depends on, in words
    p_value: float = math.nan  # chance of such a value or more for two samples of the same thing

    @property
    def significance(self) -> float:
        """Distance from the null in units of the null's scatter (as in arXiv:2211.10295, Table I).

        Where the null does not scatter it is 0 at the null and infinite off it.
        """
        distance = self.value - self.null
        if self.null_error == 0:
            return math.copysign(math.inf, distance) if distance else distance
        return distance / self.null_error
