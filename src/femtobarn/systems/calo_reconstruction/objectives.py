"""The joint loss: which particle, and how far its energy and direction are from the calibrated ones."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.engine import Batch, Objective
from femtobarn.nn.cell_networks import Output


@dataclass(frozen=True)
class JointLoss:
    """Weights of the joint loss.

    ``w_class BCE + w_energy MSE(c / ln E, (E - sum) / (10 ln E)) + w_eta MSE(10 eta) + w_phi MSE(10 phi)``, c the
    network's correction; weights as in the final options of the published code. The cross entropy is taken of
    logits. ln E is that of the true energy, not below 1, so that 1 GeV does not divide by 0.
    """

    classify: float = 1.0
    """Weight of the cross entropy."""
    energy: float = 1.0
    """Weight of the squared error of the energy."""
    eta: float = 10.0
    """Weight of the squared error of the pseudorapidity."""
    phi: float = 0.0
    """Weight of the squared error of the azimuth."""

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of a batch of `ShowerTable`."""
        out: Output = model(*(batch[name] for name in ("ecal", "hcal", "sums", "direction")))
        loss = self.classify * F.binary_cross_entropy_with_logits(out.logit, batch["label"].float())
        scale = batch["energy"].log().clamp(min=1.0)
        away = (out.energy - batch["energy"]) / (10 * scale)
        loss = loss + self.energy * away.square().mean()
        for weight, found, name in ((self.eta, out.eta, "eta"), (self.phi, out.phi, "phi")):
            if weight and name in batch:
                loss = loss + weight * (10 * (found - batch[name])).square().mean()
        return loss


def in_mirrors(loss: Objective) -> Objective:
    """The loss of batches mirrored in x and in y with even odds: the stack and the beam are symmetric."""

    def mirrored_loss(model: nn.Module, batch: Batch) -> Tensor:
        return loss(model, mirrored(batch, *torch.rand(2).lt(0.5).tolist()))

    return mirrored_loss


def mirrored(batch: Batch, x: bool, y: bool) -> Batch:
    """The same showers seen in a mirror: cells, directions and angles."""
    if not (x or y):
        return batch
    axes = [axis for axis, wanted in ((1, x), (2, y)) if wanted]
    sign, direction = (-1.0 if y else 1.0, -1.0 if x else 1.0), batch["direction"]
    turned = {"ecal": batch["ecal"].flip(axes), "hcal": batch["hcal"].flip(axes)}
    turned["direction"] = torch.stack([direction[:, i] * factor for i, factor in enumerate(sign)], dim=1)
    for name, factor in zip(("eta", "phi"), sign, strict=True):
        if name in batch:
            turned[name] = batch[name] * factor
    return batch | turned
