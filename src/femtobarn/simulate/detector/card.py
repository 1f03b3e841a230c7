"""What a detector can do, as plain numbers: size, field, efficiencies, resolutions, cells, thresholds.

`CMS` restates the numbers of the card ``cards/delphes_card_CMS_PileUp.tcl`` of Delphes (arXiv:1307.6346;
github.com/delphes/delphes, commit 4b4207e), which gives arXiv:1405.6569, 1306.2016 and 1502.02701 as sources.
Make your own with `dataclasses.replace`.
"""

import dataclasses
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, sqrt

from femtobarn.errors import InputError

INVISIBLE = (12, 14, 16, 1000022, 1000023, 1000025, 1000035, 1000045)  #: neutrinos and neutralinos
ELECTRON, MUON = 11, 13


@dataclass(frozen=True)
class Tracking:
    """How one kind of charged particle is found and measured, in bins of |eta| and pT."""

    eta: tuple[float, ...]
    """Upper edges of the bins of |eta| of `efficiency`; there is no track beyond the last."""
    pt: tuple[float, ...]
    """Lower edges (GeV) of the bins of pT of `efficiency`; there is no track below the first."""
    efficiency: tuple[tuple[float, ...], ...]
    """Probability that a track is found: a row for each bin of |eta|, a column for each of pT."""
    resolution: tuple[tuple[float, float, float], ...]
    """Rows (|eta| up to, a, b): the standard deviation of pT is pT sqrt(a^2 + (b pT)^2), b in 1/GeV."""
    knee: float = inf
    """pT (GeV) from which the efficiency falls as exp((knee - pT) / slope)."""
    slope: float = 2000.0
    """See `knee`, in GeV."""
    angle: float = 0.0
    """Standard deviation of the measured eta and phi; 0 keeps the true direction."""

    def __post_init__(self) -> None:
        _not_negative("angle", self.angle)
        _rising("|eta| of tracks", (0.0, *self.eta))
        _rising("pT of tracks", (-1.0, *self.pt))
        _rising("|eta| of the resolution", (0.0, *(row[0] for row in self.resolution)))
        if [len(row) for row in self.efficiency] != [len(self.pt)] * len(self.eta):
            raise InputError(
                f"expected {len(self.eta)} rows of {len(self.pt)} efficiencies: {self.efficiency}"
            )
        if not all(0 <= value <= 1 for row in self.efficiency for value in row):
            raise InputError(f"expected efficiencies from 0 to 1, got {self.efficiency}")
        if not self.resolution or not all(a >= 0 and b >= 0 for _, a, b in self.resolution):
            raise InputError(f"expected resolutions of 0 or more, got {self.resolution}")


@dataclass(frozen=True)
class Region:
    """Energy resolution up to one |eta|.

    sigma = (scale + bend (|eta| - centre)^2) sqrt((constant E)^2 + stochastic^2 E + noise^2), E in GeV.
    """

    eta: float
    """Upper edge in |eta|."""
    constant: float
    stochastic: float
    """In sqrt(GeV)."""
    noise: float = 0.0
    """In GeV."""
    scale: float = 1.0
    bend: float = 0.0
    centre: float = 0.0


@dataclass(frozen=True)
class Calorimeter:
    """Cells, energy resolution and thresholds of one calorimeter; both halves in eta are alike."""

    rings: tuple[tuple[float, int], ...]
    """Rows (|eta| up to, cells in phi): rings of cells from eta = 0 outwards."""
    resolution: tuple[Region, ...]
    """Regions of rising |eta|; they have to reach as far as the rings."""
    fractions: dict[int, float] = dataclasses.field(hash=False)
    """Share of a particle's energy it takes, by PDG code without sign; code 0 is for all others."""
    minimum: float = 0.0
    """Least energy of a tower, in GeV."""
    significance: float = 0.0
    """Least energy of a tower, in standard deviations."""
    spread: float = 0.0
    """Standard deviation in eta and phi by which a shower spreads about the point where its particle arrives: the
    cell there and its eight neighbours share the energy. With 0 all of it stays in one cell, as in Delphes."""

    def __post_init__(self) -> None:
        _not_negative("spread", self.spread)
        _rising("|eta| of rings", (0.0, *(eta for eta, _ in self.rings)))
        _rising("|eta| of the energy resolution", (0.0, *(region.eta for region in self.resolution)))
        if min(cells for _, cells in self.rings) < 1:
            raise InputError("expected at least one cell in each ring")
        if self.resolution[-1].eta < self.rings[-1][0]:
            raise InputError(
                f"cells reach |eta| = {self.rings[-1][0]}, the energy resolution only {self.resolution[-1].eta}"
            )
        if 0 not in self.fractions or not all(0 <= share <= 1 for share in self.fractions.values()):
            raise InputError("expected shares of energy from 0 to 1, and one for code 0: all other particles")


@dataclass(frozen=True)
class EarlyShowers:
    """Hadrons that shower in the ECAL already and leave a share of their energy there, uniform from 0 to `most`."""

    probability: float = 0.5
    """Of a shower that starts in the ECAL."""
    most: float = 0.9
    """Largest share."""

    def __post_init__(self) -> None:
        if not (0 <= self.probability <= 1 and 0 <= self.most <= 1):
            raise InputError(f"expected a probability and a share from 0 to 1, got {self}")

    @property
    def mean(self) -> float:
        """Mean share of all hadrons."""
        return self.probability * self.most / 2

    @property
    def rms(self) -> float:
        """Standard deviation of the share."""
        return sqrt(self.probability * self.most**2 / 3 - self.mean**2)


@dataclass(frozen=True)
class Card:
    """A detector: a cylinder of magnetic field with trackers in it and two calorimeters on its surface."""

    name: str
    radius: float
    """Of the field and of the calorimeters' face, in mm."""
    half_length: float
    """The same along the beam, in mm."""
    field: float
    """Along the beam, in tesla."""
    hadrons: Tracking
    electrons: Tracking
    muons: Tracking
    ecal: Calorimeter
    hcal: Calorimeter
    eta: str = "arrival"
    """The eta by which tracks are found and measured, "arrival" or "momentum": of the point where the particle
    reaches the calorimeters, as in Delphes, or of its momentum. They differ for soft tracks that the field bends
    into the end cap: with "arrival" those are lost."""
    early: EarlyShowers | None = None
    """Energy in the ECAL of those hadrons that belong to the HCAL alone; None for none, as in Delphes."""

    def __post_init__(self) -> None:
        if not (0 < self.radius < inf and 0 < self.half_length < inf and abs(self.field) < inf):
            raise InputError(
                f"expected a radius and a length above 0 and a finite field, got {self.radius}, "
                f"{self.half_length}, {self.field}"
            )
        if self.eta not in ("arrival", "momentum"):
            raise InputError(f"eta is that of 'arrival' or 'momentum', got {self.eta!r}")


def _not_negative(what: str, value: float) -> None:
    if not 0 <= value < inf:
        raise InputError(f"expected a finite {what} of 0 or more, got {value}")


def _rising(what: str, edges: tuple[float, ...]) -> None:
    if len(edges) < 2 or not all(low < high for low, high in pairwise(edges)):
        raise InputError(f"expected rising edges in {what}, got {edges[1:]}")


_EM = {ELECTRON: 1.0, 22: 1.0, 111: 1.0}
_SILENT = dict.fromkeys((MUON, *INVISIBLE), 0.0)
_DECAYING = {310: 0.3, 3122: 0.3}  # K short, Lambda

#: Edges of the outer rings of both calorimeters.
_FORWARD = (3.125, 3.3, 3.475, 3.65, 3.825, 4.0, 4.175, 4.35, 4.525, 4.7, 5.0)
_HCAL_ENDCAP = (1.74, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.868, 2.95)

CMS = Card(
    name="CMS",
    radius=1290.0,
    half_length=3000.0,
    field=3.8,
    hadrons=Tracking(
        (1.5, 2.5),
        (0.1, 1.0),
        efficiency=((0.70, 0.95), (0.60, 0.85)),
        resolution=((0.5, 0.06, 1.3e-3), (1.5, 0.10, 1.7e-3), (2.5, 0.25, 3.1e-3)),
    ),
    electrons=Tracking(
        (1.5, 2.5),
        (0.1, 1.0, 100.0),
        efficiency=((0.73, 0.95, 0.99), (0.50, 0.83, 0.90)),
        resolution=((0.5, 0.03, 1.3e-3), (1.5, 0.05, 1.7e-3), (2.5, 0.15, 3.1e-3)),
    ),
    muons=Tracking(
        (1.5, 2.5),
        (0.1, 1.0),
        efficiency=((0.75, 0.99), (0.70, 0.98)),
        resolution=((0.5, 0.01, 1.0e-4), (1.5, 0.015, 1.5e-4), (2.5, 0.025, 3.5e-4)),
        knee=1000.0,
    ),
    ecal=Calorimeter(
        rings=(
            *((round(0.0174 * i, 4), 360) for i in range(1, 171)),
            *((eta, 36) for eta in _FORWARD),
        ),
        resolution=(
            Region(1.5, 0.008, 0.11, 0.40, bend=0.64),
            Region(2.5, 0.008, 0.11, 0.40, scale=2.16, bend=5.6, centre=2.0),
            Region(5.0, 0.107, 2.08),
        ),
        fractions={0: 0.0} | _EM | _SILENT | _DECAYING,
        minimum=0.5,
        significance=2.0,
    ),
    hcal=Calorimeter(
        rings=(
            *((round(0.087 * i, 3), 72) for i in range(1, 20)),
            *((eta, 36) for eta in _HCAL_ENDCAP),
            *((eta, 36 if eta < 4.6 else 18) for eta in _FORWARD),
        ),
        resolution=(Region(3.0, 0.05, 1.50), Region(5.0, 0.13, 2.70)),
        fractions={0: 1.0} | dict.fromkeys(_EM, 0.0) | _SILENT | {310: 0.7, 3122: 0.7},
        minimum=1.0,
        significance=2.0,
    ),
)
"""Delphes' CMS card for collisions with pile-up."""

CMS_PHASE2 = replace(
    CMS,
    name="CMS, phase II",
    ecal=replace(
        CMS.ecal,
        resolution=tuple(
            replace(region, constant=0.009, stochastic=0.12, noise=0.45) for region in CMS.ecal.resolution[:2]
        )
        + CMS.ecal.resolution[2:],
    ),
)
"""`CMS` with the ECAL of Delphes' phase-II card, for a pile-up of 200; nothing else of that card."""

CMS_NO_PILEUP = replace(
    CMS,
    name="CMS, no pile-up",
    hadrons=replace(
        CMS.hadrons, resolution=((0.5, 0.01, 1.5e-4), (1.5, 0.015, 2.5e-4), (2.5, 0.025, 5.5e-4))
    ),
    muons=replace(CMS.muons, knee=inf),
)
"""`CMS` with the tracks of ``cards/delphes_card_CMS.tcl`` (commit 0593ac3): hadrons are measured six to ten
times as well as in the card for pile-up, and no muon is lost above 1 TeV."""

CMS_SHOWERS = replace(
    CMS,
    name="CMS, showers that spread",
    hadrons=replace(CMS.hadrons, angle=0.01),
    electrons=replace(CMS.electrons, angle=0.01),
    muons=replace(CMS.muons, angle=0.01),
    ecal=replace(CMS.ecal, spread=0.007),
    hcal=replace(CMS.hcal, spread=0.045),
    early=EarlyShowers(),
)
"""`CMS` with what a detector without showers lacks, so that particle flow has something to disentangle.

Angles: 0.01 in eta and phi, as in the card of arXiv:2101.08578. The others are those of 100 showers each that Geant4
followed in `femtobarn.simulate.clic_stack`: pions of 20 GeV leave 0.23 +- 0.27 of their energy in its ECAL (0.30 +-
0.29 at 5 GeV, 0.16 +- 0.23 at 60), half of them nearly nothing; in its HCAL the energy has a standard deviation of
61 mm in one direction, 0.047 at a radius of 1.29 m; a square of 15.3 mm holds 74 % of an electron's energy in its
ECAL, as a Gaussian of 5.2 mm does, taken 1.7 times as wide for the Moliere radius of lead tungstate.
"""
