"""The encoder without weights that counts equal portions of the sum: pyramid vector quantisation.

The sum of a wafer is sent anyway. What is left to say is how it is shared out, and on a fixed number of equal
portions, quanta, every way to share them out has a number of its own (Fischer, IEEE Trans. Inf. Theory 32 (1986)
568). A wafer with few cells hit is sent with fewer cells and finer quanta.

Quanta are handed out along a path on which each cell touches the next: how many have been given up to a place is the
charge up to there, rounded. So what a cell gets too little its neighbour gets too much, which is what the Earth mover's
distance forgives, and the quanta add up without a correction. All numbers are integers, and a frame needs no more than
ranks, running sums, one quotient for each cell and a table of binomials: `pyramid_module` is the encoder in Verilog.
"""

from bisect import bisect_right
from functools import partial
from math import comb
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from femtobarn.nn.wafer_autoencoder.encoder import Codes, normalise, transmitted_sum
from femtobarn.physics import wafer

PAYLOAD = {links: 32 * links - 12 for links in (2, 3, 4, 5)}  #: bits of a frame behind its header and its sum
CELLS = {2: (6, 7, 8, 48), 3: (10, 11, 13, 48), 4: (14, 15, 18, 48), 5: (17, 20, 23, 48)}
"""For each number of e-links how many of the largest cells a frame may hold: found one by one on 1,500 training
wafers of the Geant4 stand-in, and compared with two neighbouring choices on 4,000."""
STEP = 12  #: bits behind the point of a share, and of the part of the sum up to a place
CROWD = 9 / 64
"""What a cell counts in the choice of the layout, in quanta, against charge that is not sent; from the same wafers."""


class Layout(NamedTuple):
    """One way to fill a frame."""

    cells: int
    """Largest cells that may get a quantum."""
    quanta: int
    """Equal portions of the sum."""

    @property
    def field(self) -> int:
        """Bits for the ways to share out the quanta among the cells."""
        return _bits(_shared(self.cells, self.quanta))

    @property
    def words(self) -> int:
        """How many numbers its frames may have: a field for the choice of the cells, and one for their quanta."""
        return 2 ** (_bits(comb(wafer.CELLS, self.cells)) + self.field)


class PyramidCode(nn.Module):
    """Sends each wafer as quanta of its sum, in the layout that leaves the least charge out for its quanta.

    Args:
        payload: Bits for the layout, the cells and their quanta.
        cells: Of each layout; every layout holds as many quanta as the payload can carry.
    """

    bits = None
    quanta: Tensor
    path: Tensor

    def __init__(self, payload: int, cells: tuple[int, ...]) -> None:
        super().__init__()
        room = payload - _bits(len(cells))
        self.layouts = [Layout(each, _most_quanta(each, room)) for each in cells]
        if not all(layout.quanta for layout in self.layouts):
            raise ValueError(f"{payload} bits cannot name the cells of every layout: got {cells}")
        quanta = torch.tensor([layout.quanta for layout in self.layouts])
        self.register_buffer("quanta", quanta, persistent=False)
        self.register_buffer("path", torch.tensor(wafer.PATH), persistent=False)

    def counts(
        self, charge: Float[Tensor, "wafer 48"]
    ) -> tuple[Int[Tensor, "wafer 48"], Int[Tensor, "wafer"]]:
        """Quanta of every cell, and the number of the layout; an empty wafer has them all in its first cell."""
        return self.counts_of(integer_shares(charge))

    def counts_of(
        self, share: Int[Tensor, "wafer 48"]
    ) -> tuple[Int[Tensor, "wafer 48"], Int[Tensor, "wafer"]]:
        """The same of `integer_shares`, in the arithmetic of the hardware."""
        total = share.sum(dim=1)
        rank = share.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        upto = (share[:, self.path].cumsum(dim=1) << STEP) // total[:, None]
        filled = (share > 0).sum(dim=1)
        ways, prices = [], []
        for layout in self.layouts:
            sent = rank < layout.cells
            ways.append(self._along_path(upto, sent[:, self.path], layout))
            shared = filled.clamp(max=layout.cells) * crowding(layout)
            prices.append(((share * ~sent).sum(dim=1) << 16) + total * shared)
        layout_of = torch.stack(prices).argmin(dim=0)
        return torch.stack(ways)[layout_of, torch.arange(len(share), device=share.device)], layout_of

    def _along_path(
        self, upto: Int[Tensor, "wafer 48"], sent: Tensor, layout: Layout
    ) -> Int[Tensor, "wafer 48"]:
        """Quanta of the cells: those given up to the middle between two cells that are sent, less those before."""
        place = sent.nonzero()[:, 1].reshape(-1, layout.cells)
        last = torch.full_like(place[:, :1], wafer.CELLS - 1)
        border = torch.cat(((place[:, :-1] + place[:, 1:]) >> 1, last), dim=1)
        given = (layout.quanta * upto.gather(1, border) + (1 << STEP >> 1)) >> STEP
        own = given.diff(dim=1, prepend=torch.zeros_like(last))
        return torch.zeros_like(upto).scatter(1, self.path[place], own)

    def forward(self, charge: Float[Tensor, "wafer 48"]) -> Float[Tensor, "wafer 48"]:
        """Shares of the sum as they arrive."""
        counts, _ = self.counts(charge)
        return (counts / counts.sum(dim=1, keepdim=True)).to(charge.dtype)

    def encode(self, charge: Float[Tensor, "wafer 48"]) -> Codes:
        """Everything the detector sends for these wafers."""
        return Codes(self(charge), transmitted_sum(charge.sum(dim=-1)))

    def words(self, charge: Float[Tensor, "wafer 48"]) -> list[int]:
        """The payload of each frame as one number: from the lowest bit up the layout, the quanta, the cells."""
        share = integer_shares(charge)
        counts, layouts = self.counts_of(share)
        rank = share.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        found = []
        for quanta, number, ranks in zip(
            counts[:, self.path], layouts.tolist(), rank[:, self.path], strict=True
        ):
            layout = self.layouts[number]
            places = (ranks < layout.cells).nonzero()[:, 0]
            bars = quanta[places].add(1).cumsum(0)[:-1] - 1  # the places between the cells in a row of quanta
            word = (_number(places.tolist()) << layout.field) + _number(bars.tolist())
            found.append(word << _bits(len(self.layouts)) | number)
        return found

    def shares(self, words: list[int]) -> Float[Tensor, "wafer 48"]:
        """What ``forward`` gave of wafers, from the numbers of ``words``."""
        found, head = torch.zeros(len(words), wafer.CELLS), _bits(len(self.layouts))
        for row, word in zip(found, words, strict=True):
            layout = self.layouts[word & (1 << head) - 1]
            of_cells, of_bars = divmod(word >> head, 1 << layout.field)
            end = layout.cells - 1 + layout.quanta
            bars = [-1, *_places(of_bars, layout.cells - 1, among=end), end]
            quanta = torch.tensor(bars).diff() - 1
            cells = self.path[_places(of_cells, layout.cells, among=wafer.CELLS)]
            row[cells] = (quanta.double() / layout.quanta).to(row.dtype)
        return found


def integer_shares(charge: Float[Tensor, "wafer 48"]) -> Int[Tensor, "wafer 48"]:
    """Charges over the power of two at or below their sum, cut to 12 bits behind the point, as integers.

    The first cell of a wafer in which nothing is left gets all.
    """
    share = torch.ldexp(normalise(charge.double()), torch.tensor(STEP)).long()
    first = torch.eye(1, wafer.CELLS, device=share.device, dtype=share.dtype) << STEP
    return torch.where(share.sum(dim=1, keepdim=True) > 0, share, first)


def crowding(layout: Layout) -> int:
    """`CROWD` over the quanta, in units of 2^-16."""
    return round(CROWD * 2**16 / layout.quanta)


def pyramid_code(links: int) -> PyramidCode:
    """The code that fills the frame of so many e-links, 2 to 5."""
    return PyramidCode(PAYLOAD[links], CELLS[links])


def _shared(cells: int, quanta: int) -> int:
    """Ways to share out equal quanta among cells."""
    return comb(quanta + cells - 1, cells - 1)


def _most_quanta(cells: int, bits: int) -> int:
    """The most quanta for which every frame has a number of so many bits; they need no more than 12 bits a cell."""
    quanta = 0
    while quanta < 2**12 and Layout(cells, quanta + 1).words <= 2**bits:
        quanta += 1
    return quanta


def _bits(count: int) -> int:
    """Bits that tell so many apart."""
    return (count - 1).bit_length()


def _number(places: list[int]) -> int:
    """Number of a set of places, given in rising order, among all sets of so many (combinatorial number system)."""
    return sum(comb(place, i + 1) for i, place in enumerate(places))


def _places(number: int, many: int, *, among: int) -> list[int]:
    """The set of so many places with that number, in rising order."""
    found = []
    for i in range(many, 0, -1):
        place = bisect_right(range(among), number, key=partial(_sets, i)) - 1
        number -= comb(place, i)
        found.append(place)
    return found[::-1]


def _sets(many: int, among: int) -> int:
    return comb(among, many)
