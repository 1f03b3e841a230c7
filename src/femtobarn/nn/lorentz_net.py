"""LorentzNet: messages between four-momenta that see Minkowski products only (Gong et al., arXiv:2201.08187)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.minkowski import METRIC


class LorentzNet(nn.Module):
    """Scores of each class for sets of four-momenta; they do not change when all of these are boosted or rotated.

    Whatever direction is to count, as that of the beams, has to be among the momenta. Momenta are kept in
    float64 whatever the precision of the weights: their products are differences of large numbers.

    Two departures from the published code, which spoil the symmetry or depend on the rest of a batch: the
    update of the momenta is not clamped, and the mean is over the particles there are, not over the padded length.

    Args:
        scalars: Invariant numbers per particle.
        classes: Scores that come out, without softmax.
        width: Features of a particle inside.
        blocks: Rounds of messages.
        step: Factor of the update of the momenta.
        dropout: Before the scores, in training.
    """

    def __init__(
        self,
        scalars: int = 2,
        classes: int = 2,
        *,
        width: int = 72,
        blocks: int = 6,
        step: float = 0.005,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(scalars, width)
        self.blocks = nn.ModuleList(
            LorentzBlock(width, scalars, step=step if i < blocks - 1 else None) for i in range(blocks)
        )
        self.scores = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, classes)
        )

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        scalars: Float[Tensor, "jet particle scalar"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet class"]:
        """Scores of each jet.

        Args:
            momentum: (E, px, py, pz) in GeV.
            scalars: Such as masses, computed before any boost; they enter as `psi` of themselves.
            mask: True for real particles; what stands elsewhere has no effect.
        """
        momentum, scalars, mask = (each[:, : _longest(mask)] for each in (momentum, scalars, mask))
        x = torch.where(mask[..., None], momentum, 0).double()
        s = psi(torch.where(mask[..., None], scalars, 0)).to(self.embed.weight.dtype)
        h = self.embed(s)
        pairs = mask[:, :, None] & mask[:, None, :]
        pairs &= ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
        for block in self.blocks:
            h, x = block(h, x, s, mask, pairs)
        mean = torch.where(mask[..., None], h, 0).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        return self.scores(mean)


class LorentzBlock(nn.Module):
    """One round of messages (arXiv:2201.08187, eqs. 3.2 to 3.5): features and, unless it is the last, momenta."""

    metric: Tensor

    def __init__(self, width: int, scalars: int, *, step: float | None) -> None:
        super().__init__()
        self.step = step
        self.register_buffer("metric", torch.tensor(METRIC, dtype=torch.float64), persistent=False)
        self.edge = nn.Sequential(
            nn.Linear(2 * width + 2, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
        )
        self.gate = nn.Linear(width, 1)
        self.update = nn.Sequential(
            nn.Linear(2 * width + scalars, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width)
        )
        if step is not None:
            self.move = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1, bias=False))
            nn.init.xavier_uniform_(self.move[-1].weight, gain=0.001)  # type: ignore[arg-type]

    def forward(
        self,
        h: Float[Tensor, "jet particle width"],
        x: Float[Tensor, "jet particle 4"],
        s: Float[Tensor, "jet particle scalar"],
        mask: Bool[Tensor, "jet particle"],
        pairs: Bool[Tensor, "jet particle particle"],
    ) -> tuple[Float[Tensor, "jet particle width"], Float[Tensor, "jet particle 4"]]:
        """Features and momenta afterwards; only real pairs and particles enter the batch norms."""
        where = pairs.flatten().nonzero()[:, 0]
        message = self._messages(h, x, where)
        heard = _spread(message, where, pairs).sum(dim=2)
        if self.step is not None:
            pull = _spread(self.move(message).double(), where, pairs)[..., 0]
            others = pairs.sum(dim=2).clamp(min=1)[..., None]
            # sum_j (x_i - x_j) pull_ij
            x = x + self.step * (x * pull.sum(dim=2, keepdim=True) - pull @ x) / others
        real = mask.flatten().nonzero()[:, 0]
        before = torch.cat((h, heard, s), dim=-1).flatten(0, 1).index_select(0, real)
        return h + _spread(self.update(before), real, mask), x

    def _messages(self, h: Tensor, x: Tensor, where: Int[Tensor, "pair"]) -> Float[Tensor, "pair width"]:
        first = self.edge[0]
        assert isinstance(first, nn.Linear)
        width = h.shape[-1]
        # The first layer is linear in h_i, h_j and the products: most of it is done before pairs are formed.
        receiver, sender, products = torch.split(first.weight, [width, width, 2], dim=1)
        dot = (x * self.metric) @ x.mT
        square = dot.diagonal(dim1=1, dim2=2)
        distance = square[:, :, None] + square[:, None, :] - 2 * dot
        seen = psi(torch.stack((distance, dot), dim=-1).flatten(0, 2).index_select(0, where)).to(h.dtype)
        pairs = F.linear(h, receiver)[:, :, None] + F.linear(h, sender)[:, None, :]
        before = pairs.flatten(0, 2).index_select(0, where) + F.linear(seen, products)
        message = self.edge[1:](before)
        return message * self.gate(message).sigmoid()


def psi(z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """sign(z) log(1 + |z|): large numbers become small, small ones stay."""
    return z.sign() * z.abs().log1p()


def _spread(values: Tensor, where: Tensor, mask: Tensor) -> Tensor:
    """Rows back at the places of the mask they were taken from, zeros elsewhere."""
    table = values.new_zeros((mask.numel(), values.shape[-1]))
    return table.index_copy(0, where, values).view(*mask.shape, values.shape[-1])


def _longest(mask: Tensor) -> int:
    """Places up to the last one that some jet uses; the rest is padding for nothing."""
    used = mask.any(dim=0).nonzero()
    return int(used.max()) + 1 if len(used) else 1
