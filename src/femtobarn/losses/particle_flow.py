"""Losses of machine-learned particle flow: class, charge and momentum of the particle of each element."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.losses._types import same_shapes, true_or_false
from femtobarn.physics._constant import numbers

_ANGLE = 10.0  # weight of a difference of angles against one of logarithms: errors are about a tenth of each
_LEAST = 1e-3  # GeV, of a momentum in a logarithm


def flow_loss(
    logits: Float[Tensor, "event element class"],
    charge: Float[Tensor, "event element"],
    momentum: Float[Tensor, "event element 5"],
    target: Float[Tensor, "event element 7"],
    mask: Bool[Tensor, "event element"],
) -> Float[Tensor, ""]:
    """Cross entropy of all elements plus, for those with a particle, Huber losses of what is known of it.

    pT and E are compared by their logarithms, so that the many soft particles count; angles by their difference
    times ten. Elements without a particle teach no momentum, padded ones nothing. 0 for no element at all.

    Args:
        logits: Of the classes.
        charge: Of the particle.
        momentum: pT, eta, sin phi, cos phi, E in GeV.
        target: Class and the same six.
        mask: Which elements there are.

    Raises:
        InputError: Shapes that do not fit, or a mask of numbers.
    """
    _check(logits, charge, momentum, target)
    same_shapes("true or false for each element", charge=charge, mask=mask)
    true_or_false(mask=mask)
    kind, truth = target[..., 0].long(), target[..., 2:]
    entropy = F.cross_entropy(logits.flatten(0, 1), kind.flatten(), reduction="none").view_as(mask)
    there = mask & (kind > 0)
    ratio = [_log(momentum[..., i]) - _log(truth[..., i]) for i in (0, 4)]
    angles = _ANGLE * (momentum[..., 1:4] - truth[..., 1:4])
    off = torch.cat((torch.stack(ratio, dim=-1), angles, (charge - target[..., 1])[..., None]), dim=-1)
    huber = F.smooth_l1_loss(off, torch.zeros_like(off), reduction="none").mean(dim=-1)
    return _mean(entropy, mask) + _mean(huber, there)


def published_flow_loss(
    logits: Float[Tensor, "event element class"],
    charge: Float[Tensor, "event element"],
    momentum: Float[Tensor, "event element 5"],
    target: Float[Tensor, "event element 7"],
    *,
    charge_weight: float = 1e-3,
    weights: tuple[float, float, float, float, float] = (1.0, 1.0, 1.0, 1.0, 1e-3),
) -> Float[Tensor, ""]:
    """Cross entropy plus squared errors in GeV, over all elements, padded ones included, as published.

    The weights are those of the code of the revised paper (jpata/particleflow, tag v1.1); those of the first version,
    v1.0, are 1 and (0.1, 1, 1, 1, 1e-3). Tails of the energy rule this loss.

    Raises:
        InputError: Shapes that do not fit.
    """
    _check(logits, charge, momentum, target)
    kind, truth = target[..., 0].long(), target[..., 2:]
    entropy = F.cross_entropy(logits.flatten(0, 1), kind.flatten())
    squares = (momentum - truth).square().mean(dim=(0, 1)) @ numbers(weights, momentum.device, momentum.dtype)
    return entropy + charge_weight * (charge - target[..., 1]).square().mean() + squares


def _check(logits: Tensor, charge: Tensor, momentum: Tensor, target: Tensor) -> None:
    place = target.shape[:-1]
    shapes = [tuple(each.shape) for each in (logits, charge, momentum, target)]
    if logits.ndim != 3 or logits.shape[:2] != place or shapes[1:] != [place, (*place, 5), (*place, 7)]:
        raise InputError(
            f"expected logits, charge, momentum (.., 5) and target (.., 7) of elements, got {shapes}"
        )


def _log(value: Tensor) -> Tensor:
    return value.clamp(min=_LEAST).log()


def _mean(value: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, value, 0.0).sum() / mask.sum().clamp(min=1)
