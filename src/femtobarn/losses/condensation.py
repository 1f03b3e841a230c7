"""Object condensation: hits of one object attract each other, hits of others are pushed away (arXiv:2002.03605).

Each hit has a number beta in (0, 1) and coordinates x in a space of its own. The hit of the largest beta of an object
stands for the object; the other hits gather around it. `femtobarn.physics.condense` reads objects off afterwards.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.losses._types import same_shapes

Norm = Literal["hits", "objects", "tiger"]
_TIE = 1e-9  # added to squared distances under the root of the hinge, whose slope is not defined at 0
_SOFT = (
    1.001  # beta is divided by this, so that beta = 1 has a finite charge (HGCalML, object_condensation.py)
)


class Condensation(NamedTuple):
    """The four terms; their sum is the loss without payload."""

    attraction: Float[Tensor, ""]
    repulsion: Float[Tensor, ""]
    objects: Float[Tensor, ""]  # mean of 1 - beta over the hits that stand for an object
    noise: Float[Tensor, ""]  # mean of beta over noise

    @property
    def sum(self) -> Float[Tensor, ""]:
        """All terms together."""
        return self.attraction + self.repulsion + self.objects + self.noise


def condensation(
    beta: Float[Tensor, " hit"],
    x: Float[Tensor, "hit dimension"],
    owner: Int[Tensor, " hit"],
    *,
    offset: Int[Tensor, " boundary"] | None = None,
    norm: str = "hits",
    q_min: float = 0.1,
    chunk: int = 4_000_000,
) -> Condensation:
    """The basic loss: q_i = artanh(beta_i)^2 + q_min; V_att = |x_i - x_a|^2 q_a, V_rep = max(0, 1 - |x_i - x_a|) q_a.

    Means over events. An event without objects has no attraction, repulsion or object term; without noise, no noise
    term.

    Args:
        beta: In [0, 1); 1 would have an infinite charge and is taken as 1 - 1e-6.
        x: Coordinates.
        owner: Number of the object that each hit belongs to, from 0, each in one event; negative for noise.
        offset: Where each event begins and ends among the hits, on the CPU; all hits are one event if not given.
        norm: "hits": both potentials over the number of hits (arXiv:2002.03605, equation 7). "objects": each object's
            attraction over its hits and repulsion over the other hits, then the mean over objects (the package
            object-condensation). "tiger": attraction over hits less objects, repulsion over (objects - 1) hits (the
            package gnn_tracking).
        q_min: Least charge.
        chunk: Pairs of a hit and an object that are in memory at once.

    Raises:
        InputError: No such normalisation, not one of each number for each hit, or offsets that do not cut the hits.
    """
    if norm not in get_args(Norm):
        raise InputError(f"expected the normalisation hits, objects or tiger, got {norm!r}")
    _check_hits(x, beta=beta, owner=owner)
    terms = []
    for some in _events(len(beta), offset):
        b, place, of = beta[some], x[some], owner[some]
        charge = torch.atanh(b.clamp(max=1 - 1e-6)).square() + q_min
        objects = _objects(charge, of)
        if objects is None:
            terms.append(_only_noise(b, place))
            continue
        own, number, alpha = objects
        count = torch.bincount(number[own], minlength=len(alpha)).to(x.dtype)
        q_k, centre = charge[alpha], place[alpha]
        square = (place[own] - centre[number[own]]).square().sum(dim=1)
        pulled = x.new_zeros(len(alpha)).index_add(0, number[own], charge[own] * square) * q_k
        one = torch.ones_like(q_k)
        pushed = repulsion_of(place, centre, charge, one, number, "hinge", chunk) * q_k
        total, many = len(b), len(alpha)
        if norm == "hits":
            attraction, repulsion = pulled.sum() / total, pushed.sum() / total
        elif norm == "objects":
            attraction = (pulled / count).mean()
            repulsion = (pushed / (total - count).clamp(min=1)).mean()
        else:
            attraction = pulled.sum() / max(total - many, 1)
            repulsion = pushed.sum() / max((many - 1) * total, 1)
        terms.append((attraction, repulsion, (1 - b[alpha]).mean(), _mean(b, ~own)))
    return _averaged(terms)


def condensation_2022(
    beta: Float[Tensor, " hit"],
    x: Float[Tensor, "hit dimension"],
    distance: Float[Tensor, " hit"],
    owner: Int[Tensor, " hit"],
    *,
    offset: Int[Tensor, " boundary"] | None = None,
    weight: Float[Tensor, " object"] | None = None,
    spectator: Float[Tensor, " hit"] | None = None,
    q_min: float = 0.1,
    mean_share: float = 0.1,
    chunk: int = 4_000_000,
) -> Condensation:
    """The loss of arXiv:2204.01681, with a length of its own for each object (HGCalML, snapshot of May 2022).

    q_i = artanh(beta_i / 1.001)^2 + q_min. The centre of an object is 0.9 x_a + 0.1 times the mean of its hits, by
    charge; D = |x_i - centre|^2 / (d_a^2 + 1e-6). Attraction of an object: q_a times the mean over its hits of
    q_i ln(e D / 2 + 1). Repulsion: q_a times the mean over all other hits of q_i exp(-D / 2). Objects are averaged with
    their weights.

    Args:
        beta, x, owner, offset, q_min, chunk: See `condensation`.
        distance: Learned length d at each hit.
        weight: Of each object, for instance by `object_weight`; all alike if not given.
        spectator: From 0 to 1, by how much each hit is left out.
        mean_share: Share of the mean in the centre; 0 for the hit of largest beta alone.

    Raises:
        InputError: Not one of each number for each hit, or offsets that do not cut the hits.
    """
    _check_hits(
        x, beta=beta, distance=distance, owner=owner, spectator=beta if spectator is None else spectator
    )
    terms = []
    for some in _events(len(beta), offset):
        b, place, of = beta[some], x[some], owner[some]
        charge = torch.atanh(b / _SOFT).square() + q_min
        if spectator is not None:
            charge = charge * (1 - spectator[some])
        objects = _objects(charge, of)
        if objects is None:
            terms.append(_only_noise(b, place))
            continue
        own, number, alpha = objects
        k, many = number[own], len(alpha)
        count = torch.bincount(k, minlength=many).to(x.dtype)
        total = x.new_zeros(many).index_add(0, k, charge[own])
        summed = x.new_zeros(many, x.shape[1]).index_add(0, k, charge[own, None] * place[own])
        centre = (1 - mean_share) * place[alpha] + mean_share * summed / total.clamp(min=1e-9)[:, None]
        scale = distance[some][alpha].square() + 1e-6
        q_k = charge[alpha]
        D = (place[own] - centre[k]).square().sum(dim=1) / scale[k]
        pulled = x.new_zeros(many).index_add(0, k, charge[own] * torch.log(torch.e * D / 2 + 1))
        pushed = repulsion_of(place, centre, charge, scale, number, "gauss", chunk)
        w = torch.ones_like(q_k) if weight is None else weight[of[alpha]].to(q_k)
        norm = w.sum().clamp(min=1e-6)
        attraction = (w * q_k * pulled / count).sum() / norm
        repulsion = (w * q_k * pushed / (len(b) - count).clamp(min=1)).sum() / norm
        noise = _mean(b, ~own)
        if spectator is not None:
            noise = noise + (b * spectator[some]).sum() / spectator[some].sum().clamp(min=1e-6)
        terms.append((attraction, repulsion, (w * (1 - b[alpha])).sum() / norm, noise))
    return _averaged(terms)


def payload(
    each: Float[Tensor, " hit"],
    beta: Float[Tensor, " hit"],
    owner: Int[Tensor, " hit"],
    *,
    weight: Float[Tensor, " object"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over objects of a loss of their hits, hits weighted by artanh(beta / 1.001)^2 (snapshot of 2022).

    Args:
        each: Loss of each hit.
        beta, owner: See `condensation`.
        weight: Of each object, by its number.

    Raises:
        InputError: Not one of each number for each hit.
    """
    same_shapes("one number for each hit", each=each, beta=beta, owner=owner)
    own = torch.nonzero(owner >= 0).squeeze(1)
    if not len(own):
        return (each * 0).sum()
    names, number = torch.unique(owner[own], return_inverse=True)
    share = (
        torch.atanh(beta[own] / _SOFT).square() + 1e-3
    )  # so that an object without any beta has a gradient
    total = each.new_zeros(len(names)).index_add(0, number, share)
    summed = each.new_zeros(len(names)).index_add(0, number, share * each[own])
    w = torch.ones_like(total) if weight is None else weight[names].to(total)
    return (w * summed / total).sum() / w.sum().clamp(min=1e-6)


def energy_loss(
    factor: Float[Tensor, " hit"], deposited: Float[Tensor, " hit"], true: Float[Tensor, " hit"]
) -> Float[Tensor, " hit"]:
    """0.5 softclip(ln(((E - factor E_deposited) / sqrt(E))^2 + 1), 0.4), energies in GeV (snapshot of 2022).

    Args:
        factor: By which the deposits are multiplied.
        deposited: Energy that the hit's particle has left in all hits.
        true: Energy of the particle.

    Raises:
        InputError: Not one of each number for each hit.
    """
    same_shapes("one number for each hit", factor=factor, deposited=deposited, true=true)
    miss = (true - factor * deposited) / true.clamp(min=1e-3).sqrt()
    return 0.5 * softclip(torch.log1p(miss.square()), 0.4)


def softclip(x: Float[Tensor, "*n"], start: float) -> Float[Tensor, "*n"]:
    """x up to `start`, from there on c (1 + 0.1 ln((x / c - 0.9) / 0.1)), which goes on with the same slope."""
    beyond = start * (1 + 0.1 * torch.log(((x.clamp(min=start) / start) - 0.9) / 0.1))
    return torch.where(x < start, x, beyond)


def object_weight(
    energy: Float[Tensor, " object"], contained: Bool[Tensor, " object"] | None = None
) -> Float[Tensor, " object"]:
    """0 below 0.5 GeV, rising to 1 at 10 GeV; a hundredth of it if not contained (snapshot of 2022)."""
    weight = ((energy - 0.5) / 9.5).clamp(0, 1)
    return weight if contained is None else torch.where(contained, weight, 0.01 * weight)


class Repulsion(torch.autograd.Function):
    """``sum_i q_i f(|x_i - c_k|^2 / s_k)`` over the hits i that are not of object k, for each object.

    f is exp(-D / 2) ("gauss") or max(0, 1 - sqrt(D)) ("hinge"). Neither forward nor backward ever holds more than
    `chunk` pairs: gradients are written out, in the chunks in which the sums are made.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        centre: Tensor,
        charge: Tensor,
        scale: Tensor,
        number: Tensor,
        kind: str,
        chunk: int,
    ) -> Tensor:
        """Sums of all objects; `number` is the object of each hit, -1 for none."""
        ctx.save_for_backward(x, centre, charge, scale, number)
        ctx.kind, ctx.chunk = kind, chunk
        parts = [
            charge @ _force(x, centre[k], scale[k], number, k, kind)[0]
            for k in _chunks(len(x), len(centre), chunk)
        ]
        return torch.cat(parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of positions, centres, charges and scales."""
        x, centre, charge, scale, number = ctx.saved_tensors
        of_x, of_charge = torch.zeros_like(x), torch.zeros_like(charge)
        of_centre, of_scale = torch.empty_like(centre), torch.empty_like(scale)
        for k in _chunks(len(x), len(centre), ctx.chunk):
            g = gradient[k]
            f, slope, D = _force(x, centre[k], scale[k], number, k, ctx.kind)
            of_charge += f @ g
            slope *= charge[:, None]
            of_scale[k] = -g / scale[k] * (slope * D).sum(dim=0)
            slope *= 2 * g / scale[k]
            of_x += slope.sum(dim=1, keepdim=True) * x - slope @ centre[k]
            of_centre[k] = slope.sum(dim=0)[:, None] * centre[k] - slope.T @ x
        return of_x, of_centre, of_charge, of_scale, None, None, None


def repulsion_of(
    x: Float[Tensor, "hit dimension"],
    centre: Float[Tensor, "object dimension"],
    charge: Float[Tensor, " hit"],
    scale: Float[Tensor, " object"],
    number: Int[Tensor, " hit"],
    kind: str,
    chunk: int,
) -> Float[Tensor, " object"]:
    """See `Repulsion`; `number` is the object of each hit, -1 for none."""
    return Repulsion.apply(x, centre, charge, scale, number, kind, chunk)  # type: ignore[no-untyped-call]


def _force(
    x: Tensor, centre: Tensor, scale: Tensor, number: Tensor, k: slice, kind: str
) -> tuple[Tensor, Tensor, Tensor]:
    """f, its slope in D, and D, of all hits and some objects; 0 where the hit is of the object."""
    D = sum((x[:, i, None] - centre[None, :, i]).square_() for i in range(x.shape[1]))
    assert isinstance(D, Tensor)
    D = D / scale
    if kind == "gauss":
        f = torch.exp(-0.5 * D)
        slope = -0.5 * f
    else:
        root = torch.sqrt(D + _TIE)
        f = F.relu(1 - root)
        slope = torch.where(f > 0, -0.5 / root, 0.0)
    row = torch.nonzero((number >= k.start) & (number < k.stop)).squeeze(1)
    f[row, number[row] - k.start] = 0.0
    slope[row, number[row] - k.start] = 0.0
    return f, slope, D


def _check_hits(x: Tensor, **of_hits: Tensor) -> None:
    if x.ndim != 2:
        raise InputError(f"expected coordinates (hit, dimension), got {tuple(x.shape)}")
    same_shapes("one number for each hit with coordinates", x=x[:, 0], **of_hits)


def _chunks(hits: int, objects: int, most: int) -> list[slice]:
    step = max(1, most // max(hits, 1))
    return [slice(start, min(start + step, objects)) for start in range(0, objects, step)]


def _events(hits: int, offset: Tensor | None) -> Iterator[slice]:
    if offset is None:
        yield slice(0, hits)
        return
    bounds = offset.tolist()
    if not bounds or bounds[0] != 0 or bounds[-1] != hits or sorted(bounds) != bounds:
        raise InputError(f"expected rising offsets from 0 to {hits} hits, got {bounds[:3]} ... {bounds[-1:]}")
    for start, stop in pairwise(bounds):
        if stop > start:
            yield slice(start, stop)


def _objects(charge: Tensor, owner: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
    """Which hits belong to an object, its number among those there are, and the hit of largest charge of each."""
    own = owner >= 0
    rows = torch.nonzero(own).squeeze(1)
    if not len(rows):
        return None
    names, number = torch.unique(owner[own], return_inverse=True)
    every = torch.full_like(owner, -1)
    every[own] = number.to(owner.dtype)
    # Sorted by charge, then stably by object: the first of each object has the largest charge, ties the lowest hit.
    order = torch.sort(charge[own].detach(), descending=True, stable=True).indices
    order = order[torch.sort(number[order], stable=True).indices]
    first = torch.cumsum(torch.bincount(number, minlength=len(names)), dim=0)
    return own, every, rows[order[torch.cat((first.new_zeros(1), first[:-1]))]]


def _mean(values: Tensor, wanted: Tensor) -> Tensor:
    """Mean where wanted, 0 with a gradient of zeros where there is nothing."""
    return torch.where(wanted, values, 0.0).sum() / wanted.sum().clamp(min=1)


def _only_noise(beta: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    nothing = (x * 0).sum()
    return nothing, nothing, nothing, beta.mean()


def _averaged(terms: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> Condensation:
    if not terms:
        raise InputError("expected at least one hit")
    return Condensation(*(torch.stack(column).mean() for column in zip(*terms, strict=True)))
