"""Training of a condensation network: its loss on events that are turned and mirrored at random."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from femtobarn.datasets.hgcalml import HitEvents
from femtobarn.losses import condensation_2022, energy_loss, object_weight, payload
from femtobarn.nn.condensation_net import CondensationNet


class Condensing(nn.Module):
    """A network with the loss of arXiv:2204.01681 on batches of `hit_batch`, as `engine.Descent` takes it.

    Args:
        network: What is trained.
        q_min: Least charge of a hit.
        energy: Weight of the energy loss.
        repulsion: Weight of the repulsion. The loss of 2022 takes its mean over all other hits, few of which are near:
            the more hits an event has, the less are neighbours kept apart.
    """

    def __init__(
        self,
        network: CondensationNet,
        *,
        q_min: float = 0.1,
        energy: float = 1.0,
        repulsion: float = 1.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.q_min, self.energy, self.repulsion = q_min, energy, repulsion

    def loss(self, batch: Mapping[str, Tensor], *, generator: torch.Generator) -> Float[Tensor, ""]:
        """Condensation and energy of the events of a batch, turned and mirrored at random."""
        offset, owner = batch["offset"], batch["owner"]
        drawn = torch.rand(len(offset) - 1, 2, generator=generator, device=generator.device)
        turn, mirror = drawn[batch["event"]].unbind(dim=1)
        hits = turned_hits(batch["hits"], 2 * math.pi * turn, mirror < 0.5)
        true, deposited = batch["energy"], batch["deposited"]
        out, weight = self.network(hits, offset), object_weight(true)
        potential = condensation_2022(
            out.beta, out.x, out.distance, owner, offset=offset, weight=weight, q_min=self.q_min
        )
        each = energy_loss(out.factor, _of(deposited, owner), _of(true, owner))
        potential = potential._replace(repulsion=self.repulsion * potential.repulsion)
        return potential.sum + self.energy * payload(each, out.beta, owner, weight=weight)


def hit_batch(events: HitEvents, rows: Int[np.ndarray, "_"], *, most: int = 200_000) -> dict[str, Tensor]:
    """Some events as `Condensing` takes them; those beyond `most` hits are left out, but for the first."""
    events = events.take(rows)
    fit = max(int(np.searchsorted(events.offset, most, side="right")) - 1, 1)
    events = events.take(np.arange(min(fit, len(events))))
    hits, offset = event_tensors(events)
    return {
        "hits": hits,
        "offset": offset,
        "event": torch.repeat_interleave(torch.arange(len(events)), torch.diff(offset)),
        "owner": torch.from_numpy(events.owner),
        "energy": torch.from_numpy(events.energy).float(),
        "deposited": torch.from_numpy(events.deposited).float(),
    }


def network_output(model: nn.Module, event: HitEvents) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """beta, coordinates and lengths of the hits of some events, without gradients; the model may be on any device."""
    hits, offset = event_tensors(event)
    place = next(model.parameters(), hits).device
    with torch.no_grad():
        out = model.eval()(hits.to(place), offset)
    beta, x, distance = (each.cpu().numpy() for each in (out.beta, out.x, out.distance))
    return beta, x, distance


def event_tensors(events: HitEvents) -> tuple[Float[Tensor, "hit 6"], Int[Tensor, " boundary"]]:
    """Hits and offsets as the network takes them; offsets stay on the CPU, where loops over events read them."""
    return torch.from_numpy(events.hits), torch.from_numpy(events.offset)


def turned_hits(
    hits: Float[Tensor, "hit 6"], angle: Float[Tensor, " hit"], mirror: Bool[Tensor, " hit"]
) -> Float[Tensor, "hit 6"]:
    """Hits turned about the beam by an angle each, where `mirror` is true after y has changed its sign."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    x, y = hits[:, 1], torch.where(mirror, -hits[:, 2], hits[:, 2])
    turned = hits.clone()
    turned[:, 1], turned[:, 2] = cos * x - sin * y, sin * x + cos * y
    return turned


def _of(values: Tensor, owner: Tensor) -> Tensor:
    """A number of each hit's object; 1 for hits of none."""
    return torch.cat((values, values.new_ones(1)))[owner]
