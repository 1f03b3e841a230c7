"""Extremum seeking: minimise a measured number by parameters that oscillate, without a model and while it drifts.

    p_i(n + 1) = clip(p_i(n) + dt sqrt(a_i w_i) cos(w_i n dt + k C(n)))

On average p follows -(k a / 2) dC/dp, and no step exceeds dt sqrt(a w) whatever C does (bounded form: Scheinker and
Scheinker 2016, doi:10.1016/j.automatica.2015.10.033; discrete form: Scheinker, Huang, Taylor 2021,
doi:10.1109/TCST.2021.3136133).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError


class Seeking(NamedTuple):
    """All that extremum seeking has to know to go on."""

    position: Float[Tensor, "machine parameter"]
    """Where C is to be measured next."""
    steps: int
    """Measurements of C so far: the phase, so that a shot that is left out does no harm."""


@dataclass(frozen=True)
class ExtremumSeeking:
    """Settings of extremum seeking."""

    oscillation: float = 0.1
    """Amplitude at rest, in the unit of the parameters."""
    gain: float = 2.0
    """k, for a C of the order of one: 0 only oscillates, more follows faster, too much is unstable."""
    decay: float = 1.0
    """Factor of the amplitude from step to step; 1 keeps tracking."""
    limit: float = 1.0
    """Largest parameter of either sign."""
    pairs: bool = False
    """Two parameters share a frequency, as cosine and sine: half as many frequencies."""

    def __post_init__(self) -> None:
        finite = all(map(math.isfinite, (self.oscillation, self.gain, self.limit)))
        if not (finite and self.oscillation > 0 and self.limit > 0 and 0 < self.decay <= 1):
            raise InputError(f"expected oscillation and limit above 0 and a decay in (0, 1], got {self}")

    def start(self, position: Float[Tensor, "machine parameter"]) -> Seeking:
        """Nothing measured yet."""
        return Seeking(position, 0)

    def step(self, state: Seeking, cost: Float[Tensor, "machine"]) -> Seeking:
        """The state after C has been measured at its position.

        Args:
            state: Before.
            cost: C of each machine, of the order of one; one that is not finite moves its machine by the dither alone.
        """
        frequency, quadrature = self._dithers(state.position.shape[1], state.position)
        phase = (
            frequency * (state.steps * self.time_step) + self.gain * torch.nan_to_num(cost, 0, 0, 0)[:, None]
        )
        size = self.oscillation * self.decay**state.steps * self.time_step * frequency
        wave = torch.where(quadrature, torch.sin(phase), torch.cos(phase))
        return Seeking((state.position + size * wave).clamp(-self.limit, self.limit), state.steps + 1)

    @property
    def time_step(self) -> float:
        """Ten steps for an oscillation of the highest frequency."""
        return 2 * math.pi / (10 * _HIGHEST)

    def _dithers(self, parameters: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Frequency of each parameter, none a multiple of another, and whether it is a sine."""
        place = torch.arange(parameters)
        if not self.pairs:
            return torch.linspace(1, _HIGHEST, parameters, dtype=like.dtype), place < 0
        each = torch.linspace(1, _HIGHEST, -(-parameters // 2), dtype=like.dtype)
        return each[place // 2], place % 2 == 1


_HIGHEST = 1.75
