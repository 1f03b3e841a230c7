"""Machine-learned particle flow: a particle, or none, for each track and tower of an event (arXiv:2101.08578)."""

from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.nn.binned_graph import BinnedGraph, Neighbours
from femtobarn.nn.gated_graph_conv import GatedGraphConv
from femtobarn.physics.particle_flow import CHARGED, CLASSES, ELECTRON, MUON, TOWER, TRACK

Inputs = Literal["scaled", "raw"]
MOMENTUM = 5  #: pT, eta, sin phi, cos phi, E
_LARGEST = 4.0  # change of pT and E, in powers of e
#: Scales of positions, of which a tower is 0.01 to 0.1 wide, and of other features in the embedding.
_POSITION, _OTHER = 40.0, 0.3
_MOVED = (
    5.0  # scale of the way of a track from the vertex to the calorimeters, by which soft tracks show their pT
)
_APART = 10.0  # scale of the differences of positions that are inputs of an edge
_SURE = 10.0  # logit, before training, of the class that bits of a track tell; with 4, charged hadrons drown muons


class Flow(NamedTuple):
    """What the network says of each element."""

    logits: Float[Tensor, "event element class"]
    charge: Float[Tensor, "event element"]
    momentum: Float[Tensor, "event element 5"]  # pT, eta, sin phi, cos phi, E of the particle, GeV


class Mlpf(nn.Module):
    """Two branches over one graph: the class and charge of the particle, then its momentum.

    With ``inputs="raw"`` the network is the published one: 14 numbers an element as they come, momenta as GeV. With
    "scaled", energies are logarithms, positions are those at the calorimeters' face for tracks too, near elements are
    those near in position, edges see how far their elements are apart, and the output is a correction of what the
    element measures: a factor for pT and E, a shift for the angles.

    Args:
        width: Of all layers.
        convolutions: Graph convolutions of each branch.
        edge: Width of the network that gives an edge its weight.
        heads: Weights of an edge, each for a group of features; one as published.
        dropout: In training.
        inputs: "scaled" or "raw".
        graph: Further arguments of `BinnedGraph`.
    """

    def __init__(
        self,
        *,
        width: int = 256,
        convolutions: int = 2,
        edge: int = 128,
        heads: int = 1,
        dropout: float = 0.2,
        inputs: str = "scaled",
        **graph: int | float | str | bool,
    ) -> None:
        super().__init__()
        if inputs not in get_args(Inputs):
            raise InputError(f"expected inputs that are one of {', '.join(get_args(Inputs))}, got {inputs!r}")
        if heads < 1 or width % heads:
            raise InputError(f"expected a width that is a multiple of the heads: got {width} and {heads}")
        self.inputs = inputs
        features, classes = (14 if inputs == "raw" else 16), len(CLASSES)
        self.graph = BinnedGraph(features, dropout=dropout, activation=inputs == "raw", **graph)  # type: ignore[arg-type]
        apart = 0 if inputs == "raw" else 3
        self.edge = _layers((2 * features + 1 + apart, edge, edge, heads))
        self.identity = Branch(features, width, convolutions, dropout=dropout)
        self.classes = _layers((features + width, width, width, classes))
        self.charge = _layers((features + width, width, 1))
        self.regression = Branch(features + classes, width, convolutions, dropout=dropout)
        self.momentum = _layers((features + classes + width, width, width, MOMENTUM))
        if inputs == "scaled":  # starts from what is measured
            nn.init.zeros_(self.momentum[-1].weight)  # type: ignore[arg-type]
            nn.init.zeros_(self.momentum[-1].bias)  # type: ignore[arg-type]
            self.prior = nn.Parameter(_SURE * _classes_of_kinds())

    def forward(
        self, element: Float[Tensor, "event element 12"], mask: Bool[Tensor, "event element"]
    ) -> Flow:
        """A particle for each element; padded elements give something that means nothing."""
        x = raw_input(element) if self.inputs == "raw" else scaled_input(element)
        graph = self.neighbours(element, mask)
        adjacency = torch.where(graph.there[..., None], self.edge(self._pairs(x, graph)), 0.0)
        seen = torch.cat((x, self.identity(x, graph, adjacency)), dim=-1)
        logits, charge = self.classes(seen), self.charge(seen).squeeze(-1)
        if self.inputs == "scaled":
            logits = logits + self.prior[kind_of(element)]
        inputs = torch.cat((x, logits), dim=-1)
        momentum = self.momentum(torch.cat((inputs, self.regression(inputs, graph, adjacency)), dim=-1))
        return Flow(logits, charge, momentum if self.inputs == "raw" else _corrected(element, momentum))

    def _pairs(self, x: Tensor, graph: Neighbours) -> Tensor:
        """Inputs of an edge: both elements, their weight and, of scaled inputs, how far they are apart."""
        one, other = x.unsqueeze(2).expand(-1, -1, graph.number.shape[2], -1), graph.of(x)
        inputs = [one, other, graph.weight.unsqueeze(-1)]
        if self.inputs == "scaled":
            inputs.append(_APART * (other[..., :3] - one[..., :3]))
        return torch.cat(inputs, dim=-1)

    def neighbours(
        self, element: Float[Tensor, "event element 12"], mask: Bool[Tensor, "event element"]
    ) -> Neighbours:
        """The graph of the elements."""
        x = raw_input(element) if self.inputs == "raw" else scaled_input(element)
        if self.inputs == "scaled":
            x = torch.cat((x[..., :3] * _POSITION, x[..., 3:] * _OTHER), dim=-1)
        found: Neighbours = self.graph(x, mask)
        return found


class Branch(nn.Module):
    """Two dense layers, graph convolutions, two dense layers."""

    def __init__(self, features: int, width: int, convolutions: int, *, dropout: float) -> None:
        super().__init__()
        self.before = _dense(features, width, dropout)
        self.convolutions = nn.ModuleList(GatedGraphConv(width) for _ in range(convolutions))
        self.after = _dense(width, width, dropout)

    def forward(
        self,
        x: Float[Tensor, "event element feature"],
        graph: Neighbours,
        adjacency: Float[Tensor, "event element neighbour head"],
    ) -> Float[Tensor, "event element width"]:
        """Features of each element that know of its neighbours."""
        x = self.before(x)
        for convolution in self.convolutions:
            x = convolution(x, graph, adjacency)
        after: Tensor = self.after(x)
        return after


def raw_input(element: Float[Tensor, "event element 12"]) -> Float[Tensor, "event element 14"]:
    """The type of the element as three bits (none, tower, track), and the other eleven numbers as they are."""
    kind = torch.stack([element[..., 0] == code for code in (0, TOWER, TRACK)], dim=-1)
    return torch.cat((kind.to(element.dtype), element[..., 1:]), dim=-1)


def scaled_input(element: Float[Tensor, "event element 12"]) -> Float[Tensor, "event element 16"]:
    """Position at the calorimeters, its change since the vertex, logarithms of energies, charge, bits.

    All numbers are of the order of one; those that an element lacks are 0.
    """
    track = element[..., :1] == TRACK
    position = torch.where(track, element[..., 6:9], element[..., 2:5])
    moved = _MOVED * torch.where(track, element[..., 2:5] - element[..., 6:9], 0.0)
    energies = torch.log1p(element[..., 1:6:4].clamp(min=0))
    parts = torch.where(track, 0.0, torch.log1p(element[..., 6:8].clamp(min=0)))
    bits = torch.where(track, element[..., 9:12], 0.0)
    kind = torch.stack([element[..., 0] == code for code in (0, TOWER, TRACK)], dim=-1).to(element.dtype)
    return torch.cat((position, moved, energies, parts, bits, kind), dim=-1)


def kind_of(element: Float[Tensor, "event element 12"]) -> Int[Tensor, "event element"]:
    """0 for no element, 1 for ECAL and 2 for HCAL towers, 3 for tracks, of muons 4, of electrons 5."""
    code, positive = element[..., 0], element > 0
    tower = torch.where(positive[..., 6], 1, 2)
    track = 3 + torch.where(positive[..., 10], 1, torch.where(positive[..., 11], 2, 0))
    return torch.where(code == TRACK, track, torch.where(code == TOWER, tower, 0))


def _classes_of_kinds() -> Float[Tensor, "kind class"]:
    """1 at the class that the kind of an element implies."""
    table = torch.zeros(6, len(CLASSES))
    table[[3, 4, 5], [CHARGED, MUON, ELECTRON]] = 1.0
    return table


def _corrected(element: Tensor, change: Tensor) -> Tensor:
    """pT and E times a factor, angles shifted; of what the element measures."""
    factor = change[..., 0:5:4].clamp(-_LARGEST, _LARGEST).exp() * element[..., 1:6:4]
    return torch.cat((factor[..., :1], element[..., 2:5] + change[..., 1:4], factor[..., 1:]), dim=-1)


def _dense(features: int, width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, width), nn.ELU(), nn.Dropout(dropout),
        nn.Linear(width, width), nn.ELU(), nn.Dropout(dropout),
    )  # fmt: skip


def _layers(widths: tuple[int, ...]) -> nn.Sequential:
    made: list[nn.Module] = []
    for before, after in pairwise(widths):
        made += [nn.Linear(before, after), nn.ELU()]
    return nn.Sequential(*made[:-1])
