"""The energy network of CaloDREAM: the variables u one after another (arXiv:2405.09629, section 3.1)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.flow_matching import follow, matching_loss
from femtobarn.nn.shower_generators.flat_net import FlatNet
from femtobarn.nn.shower_generators.showers import normal


class EnergyTransformer(nn.Module):
    """A transformer tells of each u the context: incident energy and the u before it; a flow makes the u of it.

    Args:
        numbers: How many u there are.
        width, heads, layers, hidden: Of encoder and decoder.
        flow_width, flow_blocks: Of the flow of one u.
    """

    later: Tensor

    def __init__(
        self,
        numbers: int,
        *,
        width: int = 64,
        heads: int = 4,
        layers: int = 4,
        hidden: int = 512,
        flow_width: int = 512,
        flow_blocks: int = 3,
    ) -> None:
        super().__init__()
        self.numbers = numbers
        self.energy, self.value = nn.Linear(1, width), nn.Linear(1, width)
        self.position = nn.Parameter(0.1 * torch.randn(numbers, width))
        self.transformer = nn.Transformer(
            width, heads, layers, layers, hidden, dropout=0.0, batch_first=True, norm_first=False
        )
        later = torch.ones(numbers, numbers, dtype=torch.bool).triu(1)
        self.register_buffer("later", later, persistent=False)
        self.flow = FlatNet(1, width, width=flow_width, blocks=flow_blocks)

    def contexts(
        self, u: Float[Tensor, "shower known"], condition: Float[Tensor, "shower 1"]
    ) -> Float[Tensor, "shower known1 width"]:
        """Context of the first u, of the one after the first known u, and so on."""
        known = torch.cat((torch.zeros_like(condition), u), dim=1)[:, : self.numbers]
        length = known.shape[1]
        tokens = self.value(known.unsqueeze(2)) + self.position[:length]
        mask = self.later[:length, :length]
        return self.transformer(self.energy(condition).unsqueeze(1), tokens, tgt_mask=mask)

    def loss(
        self,
        u: Float[Tensor, "shower number"],
        condition: Float[Tensor, "shower 1"],
        *,
        generator: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Flow-matching loss of all u at once."""
        context = self.contexts(u, condition).flatten(0, 1)
        end = u.reshape(-1, 1)
        begin = normal(*end.shape, generator=generator)
        return matching_loss(lambda x, t: self.flow(x, t, context), begin, end, generator=generator)

    def sample(
        self, condition: Float[Tensor, "shower 1"], *, steps: int, generator: torch.Generator
    ) -> Float[Tensor, "shower number"]:
        """Random u for each incident energy."""
        u = condition[:, :0]
        for _ in range(self.numbers):
            context = self.contexts(u, condition)[:, -1]
            begin = normal(len(u), 1, generator=generator)
            following = follow(lambda x, t, c=context: self.flow(x, t, c), begin, steps=steps)  # type: ignore[misc]
            u = torch.cat((u, following), dim=1)
        return u
