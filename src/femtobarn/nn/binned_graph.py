"""Neighbours of each element of a large event, looked for in bins of a learnt hash (LSH) instead of in all of it.

arXiv:2101.08578, section 3: elements are embedded, a random projection gives each a bin, the elements sorted by bin are
cut into bins of equal size, and neighbours are the nearest few within a bin. Time and memory grow as the number of
elements, not as its square. Nothing here waits for a number on the device: no ``.item()``, no shape that data decide.
"""

import math
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from femtobarn.errors import InputError

Bins = Literal["hashed", "random", "one"]
_BLOCK = 1024  # rows of the matrix of all distances held at a time


class Neighbours(NamedTuple):
    """The nearest elements of each, itself among them; `weight` is 0 and `number` means nothing where not `there`."""

    number: Int[Tensor, "event element neighbour"]  # in its event
    weight: Float[Tensor, "event element neighbour"]  # exp(-steepness distance)
    there: Bool[Tensor, "event element neighbour"]

    def of(
        self, x: Float[Tensor, "event element feature"]
    ) -> Float[Tensor, "event element neighbour feature"]:
        """Features of the neighbours of each element."""
        events, elements, features = x.shape
        start = torch.arange(events, device=x.device)[:, None, None] * elements
        rows = x.reshape(-1, features).index_select(0, (self.number + start).flatten())
        return rows.view(*self.number.shape, features)


class BinnedGraph(nn.Module):
    """Embedding, bins, and the nearest neighbours within each bin.

    Departures from the published code: bins of an event are counted from its real elements, and share these evenly; so
    padding neither fills bins nor changes them (`mask_padding` False brings the published behaviour back). Elements of
    one hash, which may be more than a bin holds, are ordered by their projection: what is cut apart is far apart, and
    the order of the elements does not matter.

    Args:
        features: Of an element.
        dimension: Of the embedding in which distances are taken.
        bin_size: Largest number of elements of a bin.
        neighbours: Of each element, itself included.
        steepness: Of the weight exp(-steepness distance).
        bins: "hashed" as published; "random" without regard to the elements; "one" for exact neighbours in the whole
            event, whose time grows as the square.
        most_bins: Bins that the hash can tell apart.
        dropout: Share of the embedding dropped in training.
        activation: The embedding is ELU of a linear layer, as published; else the linear layer alone, a learnt metric.
        mask_padding: Leave padded elements out of the bins.
    """

    projection: Tensor

    def __init__(
        self,
        features: int,
        *,
        dimension: int = 256,
        bin_size: int = 128,
        neighbours: int = 16,
        steepness: float = 1.0,
        bins: str = "hashed",
        most_bins: int = 200,
        dropout: float = 0.2,
        activation: bool = True,
        mask_padding: bool = True,
    ) -> None:
        super().__init__()
        if bins not in get_args(Bins):
            raise InputError(f"expected bins that are one of {', '.join(get_args(Bins))}, got {bins!r}")
        if min(bin_size, neighbours) < 1 or most_bins < 2 or steepness <= 0:
            raise InputError(
                f"expected bins of at least 1 element, 1 neighbour, 2 bins and a steepness above 0: got "
                f"{bin_size}, {neighbours}, {most_bins}, {steepness}"
            )
        self.bins, self.bin_size, self.neighbours, self.steepness = bins, bin_size, neighbours, steepness
        self.mask_padding = mask_padding
        bend = nn.ELU() if activation else nn.Identity()
        self.embed = nn.Sequential(nn.Linear(features, dimension), bend, nn.Dropout(dropout))
        self.register_buffer("projection", torch.randn(dimension, most_bins // 2))

    def forward(
        self, x: Float[Tensor, "event element feature"], mask: Bool[Tensor, "event element"]
    ) -> Neighbours:
        """Neighbours of every element; a padded one has none and is none."""
        place = self.embed(x)
        if not self.mask_padding:
            mask = torch.ones_like(mask)
        if self.bins == "one":
            return self._nearest_of_all(place, mask)
        return self._nearest_in_bins(place, mask, *self.bin_of(place, mask))

    def bin_of(
        self, place: Float[Tensor, "event element dimension"], mask: Bool[Tensor, "event element"]
    ) -> tuple[Int[Tensor, "event element"], Float[Tensor, "event element"]]:
        """The hash of each element, and the projection that gave it.

        Of as many bins as the event fills, it is that whose direction is nearest: the directions are the columns of the
        projection and their opposites.
        """
        if self.bins == "random":
            generator = torch.Generator(place.device).manual_seed(1)
            order = torch.randperm(mask.shape[1], generator=generator, device=place.device)
            return order.expand(mask.shape), torch.zeros_like(mask, dtype=place.dtype)
        along = place.detach() @ self.projection.to(place.dtype)
        columns = torch.arange(along.shape[-1], device=place.device)
        used = (self._number(mask.sum(dim=1)) // 2).clamp(min=1)[:, None, None] > columns
        both = torch.cat((along, -along), dim=-1)
        largest, number = both.masked_fill(~used.repeat(1, 1, 2), -math.inf).max(dim=-1)
        return number, largest

    def _number(self, count: Tensor) -> Tensor:
        """Bins that so many elements fill."""
        return ((count + self.bin_size - 1) // self.bin_size).clamp(min=1)

    def _nearest_in_bins(self, place: Tensor, mask: Tensor, key: Tensor, along: Tensor) -> Neighbours:
        events, elements = mask.shape
        order, slot, slots = self._slots(mask, key, along)
        # Slots hold the number of an element; those left over hold that of a row of zeros behind the last one.
        member = order.new_full((events, slots + 1), elements).scatter(1, slot, order)[:, :slots]
        whole = torch.cat((place, place.new_zeros(events, 1, place.shape[2])), dim=1)
        shape = (events, -1, self.bin_size)
        inside = _rows(whole, member).view(*shape, place.shape[2])
        filled = (member < elements).view(shape)
        distance, near, there = _nearest(inside, inside, filled[..., None, :], self.neighbours)
        there = there & filled[..., None]
        number = member.view(shape).unsqueeze(-2).expand(*shape[:1], near.shape[1], self.bin_size, -1)
        index = torch.gather(number, -1, near).clamp(max=max(elements - 1, 0))
        back = torch.zeros_like(slot).scatter(1, order, slot).clamp(max=slots - 1)
        index, distance, there = (_rows(e.reshape(events, slots, -1), back) for e in (index, distance, there))
        return self._weighted(index, distance, there, mask)

    def _slots(self, mask: Tensor, key: Tensor, along: Tensor) -> tuple[Tensor, Tensor, int]:
        """Elements in the order of their bins, the slot of each, and the number of slots; the last is for padding."""
        elements = mask.shape[1]
        slots = max(math.ceil(elements / self.bin_size), 1) * self.bin_size
        order = along.argsort(dim=1, stable=True)
        last = key.masked_fill(~mask, torch.iinfo(key.dtype).max).gather(1, order)
        order = order.gather(1, last.argsort(dim=1, stable=True))
        count = mask.sum(dim=1, keepdim=True)
        bins, rank = self._number(count), torch.arange(elements, device=mask.device)
        own = rank * bins // count.clamp(min=1)
        first = (own * count + bins - 1) // bins
        slot = torch.where(rank < count, own * self.bin_size + rank - first, slots)
        return order, slot, slots

    def _nearest_of_all(self, place: Tensor, mask: Tensor) -> Neighbours:
        parts = [
            _nearest(rows, place, mask[:, None], self.neighbours)
            for rows in torch.split(place, _BLOCK, dim=1)
        ]
        distance, index, there = (torch.cat(each, dim=1) for each in zip(*parts, strict=True))
        return self._weighted(index, distance, there, mask)

    def _weighted(self, index: Tensor, distance: Tensor, there: Tensor, mask: Tensor) -> Neighbours:
        there = there & mask[..., None]
        weight = torch.where(there, torch.exp(-self.steepness * distance), 0.0)
        return Neighbours(torch.where(there, index, 0), weight, there)


def _nearest(rows: Tensor, others: Tensor, known: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Distance, number and presence of the nearest others that are known, nearest first."""
    square = rows.square().sum(-1, keepdim=True) + others.square().sum(-1).unsqueeze(-2)
    square = square - 2 * rows @ others.transpose(-1, -2)
    far = square.detach().masked_fill(~known, math.inf)
    wanted, near = far.topk(min(count, far.shape[-1]), dim=-1, largest=False)
    found = torch.gather(square, -1, near).clamp(min=_CLOSEST).sqrt()
    return found, near, wanted < math.inf


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """Rows of each event."""
    return torch.gather(values, 1, index.unsqueeze(-1).expand(*index.shape, values.shape[-1]))


_CLOSEST = 1e-6  # square of the least distance, whose root has a gradient
