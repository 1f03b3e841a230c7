"""What collides into what: the settings of Pythia that ask for one process."""

from dataclasses import dataclass

from femtobarn.errors import InputError

PtRange = tuple[float, float]

_QUARKS = "1 2 3 4 5"


@dataclass(frozen=True)
class Process:
    """A process of proton-proton collisions as lines of Pythia's own language.

    Write your own as ``Process("photons", ("PromptPhoton:all = on",))``; the lines are described in Pythia's
    manual.
    """

    name: str
    """What it is called in messages."""
    settings: tuple[str, ...]
    """Lines such as ``HardQCD:all = on``."""
    partons: tuple[int, ...] = ()
    """PDG codes, without sign, of the two particles of the hard process that become jets, if any do."""


def gluons(pt_hat: PtRange | None = (990.0, 1010.0)) -> Process:
    """Two gluons of this transverse momentum (GeV): gg -> gg and q qbar -> gg."""
    return Process("gluons", ("HardQCD:gg2gg = on", "HardQCD:qqbar2gg = on", *_within(pt_hat)), (21,))


def quarks(pt_hat: PtRange | None = (990.0, 1010.0)) -> Process:
    """Two quarks: qq -> qq, gg -> q qbar and q qbar -> q' qbar'; light ones (u, d, s) become jets.

    About one in nine of the quarks scattered at 1 TeV is c or b.
    """
    lines = ("HardQCD:qq2qq = on", "HardQCD:gg2qqbar = on", "HardQCD:qqbar2qqbarNew = on")
    return Process("light quarks", (*lines, *_within(pt_hat)), (1, 2, 3))


def dijets(pt_hat: PtRange | None) -> Process:
    """All hard QCD scatterings, in their natural mixture of gluons and quarks."""
    return Process("dijets", ("HardQCD:all = on", *_within(pt_hat)), (1, 2, 3, 4, 5, 21))


def biased_dijets(
    pt_hat: PtRange | None = (200.0, 7000.0), *, power: float = 4.5, reference: float = 200.0
) -> Process:
    """All hard QCD scatterings, each preferred by (pT / `reference`)^`power` so that hard ones are many.

    Events then carry weights (`Records.weight`), without which no rate and no spectrum comes out right. The defaults
    are those of the samples of arXiv:2306.13595.
    """
    bias = ("on", f"{power:g}", f"{reference:g}")
    names = ("bias2Selection", "bias2SelectionPow", "bias2SelectionRef")
    lines = [f"PhaseSpace:{name} = {value}" for name, value in zip(names, bias, strict=True)]
    return Process("biased dijets", ("HardQCD:all = on", *lines, *_within(pt_hat)), dijets(None).partons)


def w_pairs(pt_hat: PtRange | None = (990.0, 1010.0)) -> Process:
    """q qbar -> W+ W-, both to quarks."""
    return Process("W pairs", ("WeakDoubleBoson:ffbar2WW = on", *_hadronic(24), *_within(pt_hat)), (24,))


def z_pairs(pt_hat: PtRange | None = (990.0, 1010.0)) -> Process:
    """q qbar -> Z Z without photons, both to quarks."""
    lines = ("WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2")
    return Process("Z pairs", (*lines, *_hadronic(23), *_within(pt_hat)), (23,))


def top_pairs(pt_hat: PtRange | None = None, *, hadronic: bool = False) -> Process:
    """gg, q qbar -> t tbar; with all decays of the W, or with those to quarks only."""
    lines = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", *(_hadronic(24) if hadronic else ()))
    return Process("top pairs", (*lines, *_within(pt_hat)), (6,))


def higgs(decay: tuple[int, int] = (22, 22)) -> Process:
    """gg -> H to this pair of particles, given by their PDG codes without sign; two photons by default."""
    only = ("25:onMode = off", f"25:onIfMatch = {decay[0]} {decay[1]}")
    return Process("Higgs bosons", ("HiggsSM:gg2H = on", *only))


def minimum_bias() -> Process:
    """Soft collisions that a detector triggers on: all non-diffractive ones."""
    return Process("minimum bias", ("SoftQCD:nonDiffractive = on",))


def all_soft() -> Process:
    """Soft collisions of every kind: non-diffractive, diffractive and elastic ones, which leave little or nothing.

    The pile-up that Delphes' own example makes (generatePileUp.cmnd) counts all of these.
    """
    return Process("soft collisions", ("SoftQCD:all = on",))


def _hadronic(boson: int) -> tuple[str, str]:
    return f"{boson}:onMode = off", f"{boson}:onIfAny = {_QUARKS}"


def _within(pt_hat: PtRange | None) -> tuple[str, ...]:
    if pt_hat is None:
        return ()
    low, high = pt_hat
    if not 0 < low < high:
        raise InputError(f"expected a range of pT-hat 0 < low < high in GeV, got {pt_hat}")
    return f"PhaseSpace:pTHatMin = {low:g}", f"PhaseSpace:pTHatMax = {high:g}"
