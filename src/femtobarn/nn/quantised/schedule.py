"""How hard training presses on the cost: beta, the weight of the EBOPs in the loss, epoch by epoch."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from femtobarn.errors import InputError


class BetaPoint(NamedTuple):
    """From `epoch` on beta is `beta`, and goes from there to the next point in this way."""

    epoch: float
    beta: float
    until_next: Literal["constant", "linear", "log"] = "constant"


def beta_at(epoch: float, points: Sequence[BetaPoint]) -> float:
    """Beta of an epoch under a schedule in pieces; before the first point it is the first, after the last the last.

    The published sweeps hold a low beta and then raise it on a logarithmic scale to the end, so that one run
    passes through all costs: ``[BetaPoint(0, 1e-6), BetaPoint(10, 1e-6, "log"), BetaPoint(60, 1e-3)]``.

    Raises:
        InputError: No points, epochs that do not increase, or a logarithm of a beta that is not positive.
    """
    epochs = [point.epoch for point in points]
    if not points or any(b <= a for a, b in pairwise(epochs)):
        raise InputError(f"points of increasing epochs expected: got epochs {epochs}")
    place = bisect_right(epochs, epoch) - 1
    here = points[max(place, 0)]
    if place < 0 or place + 1 == len(points) or here.until_next == "constant":
        return here.beta
    after = points[place + 1]
    share = (epoch - here.epoch) / (after.epoch - here.epoch)
    if here.until_next == "linear":
        return here.beta + share * (after.beta - here.beta)
    if not (here.beta > 0 and after.beta > 0):
        raise InputError(f"a logarithmic piece needs positive betas: got {here.beta}, {after.beta}")
    return here.beta * (after.beta / here.beta) ** share


class BudgetController:
    """Beta that leads the EBOPs to a budget: proportional and integral control of log10(EBOPs / budget).

    Gains as in HGQ2 (p 1, i 0.002). It starts from `beta`, without a jump; `update` is called once per epoch.

    Args:
        budget: EBOPs to reach.
        beta: At the start.
        proportional, integral: Gains.

    Raises:
        InputError: A budget or beta that is not positive.
    """

    def __init__(
        self, budget: float, *, beta: float, proportional: float = 1.0, integral: float = 2e-3
    ) -> None:
        if not (budget > 0 and beta > 0):
            raise InputError(f"budget and beta must be positive: got {budget}, {beta}")
        self.budget, self.proportional, self.integral = budget, proportional, integral
        self.start, self.sum = math.log10(beta), 0.0
        self.first_error: float | None = None

    def update(self, ebops: float) -> float:
        """Beta of the next epoch from the EBOPs after this one."""
        error = math.log10(max(ebops, 1e-9) / self.budget)
        if self.first_error is None:
            self.first_error = error
        self.sum += error
        return 10.0 ** (
            self.start
            + self.proportional * (error - self.first_error)
            + self.integral * (self.sum - self.first_error)
        )
