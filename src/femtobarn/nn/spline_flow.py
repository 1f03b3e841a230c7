"""Normalising flow of coupling blocks with rational-quadratic splines, conditional on a context.

Neural spline flows: Durkan et al. 2019, arXiv:1906.04032; as coupling blocks for showers: CaloINN,
arXiv:2312.09290. The splines are those of `zuko`.
"""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from zuko.transforms import MonotonicRQSTransform


class SplineCoupling(nn.Module):
    """One half of the features is bent by splines whose shape depends on the other half and the context.

    Starts as the identity. Outside [-bound, bound] it is the identity always.

    Args:
        features: Of a row, at least 2.
        context: Features of the context.
        order: The order in which the features are taken: the first half stays, the second is bent.
        bins: Of each spline.
        bound: Where the splines end.
        width, layers: Of the network that shapes the splines; `layers` counts its linear layers.
    """

    order: Tensor

    def __init__(
        self,
        features: int,
        context: int,
        order: Tensor,
        *,
        bins: int = 10,
        bound: float = 10.0,
        width: int = 256,
        layers: int = 4,
    ) -> None:
        super().__init__()
        self.kept, self.bins, self.bound = features // 2, bins, bound
        self.register_buffer("order", order)
        widths = [self.kept + context, *[width] * (layers - 1)]
        hidden = [part for a, b in itertools.pairwise(widths) for part in (nn.Linear(a, b), nn.LeakyReLU())]
        self.last = nn.Linear(widths[-1], (features - self.kept) * (3 * bins - 1))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.network = nn.Sequential(*hidden, self.last)

    def forward(
        self, x: Float[Tensor, "row feature"], context: Float[Tensor, "row context"]
    ) -> tuple[Float[Tensor, "row feature"], Float[Tensor, "row"]]:
        """The bent features and the logarithm of the Jacobian's determinant."""
        kept, bent = x[:, self.order].tensor_split((self.kept,), dim=1)
        bent, log_slope = self._spline(kept, context).call_and_ladj(bent)
        return self._put_back(kept, bent), log_slope.sum(dim=1)

    def inverse(
        self, z: Float[Tensor, "row feature"], context: Float[Tensor, "row context"]
    ) -> Float[Tensor, "row feature"]:
        """What `forward` makes `z` of."""
        kept, bent = z[:, self.order].tensor_split((self.kept,), dim=1)
        return self._put_back(kept, self._spline(kept, context).inv(bent))

    def _spline(self, kept: Tensor, context: Tensor) -> MonotonicRQSTransform:
        shape = self.network(torch.cat((kept, context), dim=1)).unflatten(1, (-1, 3 * self.bins - 1))
        return MonotonicRQSTransform(
            *shape.tensor_split((self.bins, 2 * self.bins), dim=-1), bound=self.bound
        )

    def _put_back(self, kept: Tensor, bent: Tensor) -> Tensor:
        return torch.cat((kept, bent), dim=1)[:, self.order.argsort()]


class SplineFlow(nn.Module):
    """Bijection between rows and standard normal noise, whose density is known exactly.

    Args:
        features: Of a row, at least 2.
        context: Features of the context.
        blocks: Coupling blocks; of each two, the second transforms the half that the first has kept.
        seed: Of the random order of the features in each pair of blocks.
        bins, bound, width, layers: See `SplineCoupling`.
    """

    def __init__(
        self,
        features: int,
        context: int,
        *,
        blocks: int = 12,
        bins: int = 10,
        bound: float = 10.0,
        width: int = 256,
        layers: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if features < 2:
            raise ValueError(f"a coupling flow needs at least 2 features: got {features}")
        if not 0 <= seed < 2**64:
            raise ValueError(f"a seed is a number from 0 to 2^64 - 1: got {seed}")
        self.features = features
        orders, random = list[Tensor](), torch.Generator().manual_seed(seed)
        while len(orders) < blocks:
            order = torch.randperm(features, generator=random)
            orders += [order, order.flip(0)]
        self.blocks = nn.ModuleList(
            SplineCoupling(features, context, order, bins=bins, bound=bound, width=width, layers=layers)
            for order in orders[:blocks]
        )

    def forward(
        self, x: Float[Tensor, "row feature"], context: Float[Tensor, "row context"]
    ) -> tuple[Float[Tensor, "row feature"], Float[Tensor, "row"]]:
        """Noise of the rows and the logarithm of the determinant of dz/dx."""
        log_det = x.new_zeros(len(x))
        for block in self.blocks:
            x, slope = block(x, context)
            log_det = log_det + slope
        return x, log_det

    def inverse(
        self, z: Float[Tensor, "row feature"], context: Float[Tensor, "row context"]
    ) -> Float[Tensor, "row feature"]:
        """Rows of the noise."""
        for block in reversed(self.blocks):
            z = block.inverse(z, context)  # type: ignore[operator]
        return z

    def log_density(
        self, x: Float[Tensor, "row feature"], context: Float[Tensor, "row context"]
    ) -> Float[Tensor, "row"]:
        """Logarithm of the density of each row, given its context."""
        z, log_det = self(x, context)
        return log_det - 0.5 * z.square().sum(dim=1) - 0.5 * self.features * math.log(2 * math.pi)

    def sample(
        self, context: Float[Tensor, "row context"], *, generator: torch.Generator
    ) -> Float[Tensor, "row feature"]:
        """A random row for each context."""
        noise = torch.randn(
            len(context), self.features, generator=generator, device=context.device, dtype=context.dtype
        )
        return self.inverse(noise, context)
