"""Semi-visible jets: a heavy Z' decays to dark quarks, whose dark mesons decay back in part only (arXiv:1503.00009)."""

from dataclasses import dataclass

import numpy as np

from femtobarn.errors import InputError
from femtobarn.simulate.collisions.processes import Process
from femtobarn.simulate.particles import Particles

_MEDIATOR, _QUARK, _PION, _RHO, _INVISIBLE = 4900023, 4900101, 4900111, 4900113, 51
_FLAVOURS = (1, 2, 3, 4, 5)
_PHASE_SPACE = 91  # of Pythia: decay to quarks, which then shower and become hadrons


@dataclass(frozen=True)
class DarkSector:
    """A confining dark force; what the authors of arXiv:2306.12955 took for it is not known."""

    invisible: float = 0.3
    """Share of the dark mesons that leave the detector unseen."""
    meson: float = 20.0
    """Mass of the dark mesons, GeV."""
    scale: float = 5.0
    """Where the dark force confines, GeV."""
    colours: int = 2
    """Of the dark force."""
    vector: float = 0.75
    """Share of dark mesons of spin 1."""

    def __post_init__(self) -> None:
        if not (0 <= self.invisible < 1 and 0 <= self.vector <= 1):
            raise InputError(f"expected shares of 0 to below 1, got {self.invisible} and {self.vector}")
        if not (self.scale > 0 and self.meson > 4 and self.colours >= 2):
            raise InputError(f"expected a scale above 0, mesons above 4 GeV and two colours, got {self}")


def semivisible_process(mass: float, dark: DarkSector | None = None) -> Process:
    """q qbar -> Z' -> dark quarks, which shower and become dark mesons in Pythia's hidden valley (arXiv:1102.3795).

    Dark pions decay to c cbar, dark rhos to the five light flavours alike, and a share of each to stable particles
    that nothing sees (PDG code 51).

    Args:
        mass: Of the Z', GeV.
        dark: The dark force.

    Raises:
        InputError: A Z' too light for two dark mesons.
    """
    dark = dark or DarkSector()
    if not mass > 4 * dark.meson:
        raise InputError(f"expected a mass above {4 * dark.meson:g} GeV, got {mass:g}")
    lines = [
        "HiddenValley:ffbar2Zv = on",
        f"{_MEDIATOR}:m0 = {mass:g}",
        f"{_MEDIATOR}:mMin = {mass - 1:g}",
        f"{_MEDIATOR}:mMax = {mass + 1:g}",
        f"{_MEDIATOR}:mWidth = 0.01",
        f"{_MEDIATOR}:onMode = off",
        f"{_MEDIATOR}:onIfAny = {_QUARK}",
        f"HiddenValley:Ngauge = {dark.colours}",
        "HiddenValley:spinFv = 0",
        "HiddenValley:FSR = on",
        "HiddenValley:fragment = on",
        "HiddenValley:alphaOrder = 1",
        f"HiddenValley:Lambda = {dark.scale:g}",
        f"HiddenValley:pTminFSR = {1.1 * dark.scale:g}",
        f"HiddenValley:probVector = {dark.vector:g}",
        f"{_QUARK}:m0 = {dark.meson / 2:g}",
        f"{_INVISIBLE}:m0 = 0",
        f"{_INVISIBLE}:mayDecay = off",
    ]
    lines += [f"{meson}:m0 = {dark.meson:g}" for meson in (_PION, 4900211, _RHO, 4900213)]
    visible = 1 - dark.invisible
    for meson, flavours in ((_PION, (4,)), (_RHO, _FLAVOURS)):
        lines.append(f"{meson}:oneChannel = 1 {dark.invisible:g} 0 {_INVISIBLE} -{_INVISIBLE}")
        share = visible / len(flavours)
        lines += [f"{meson}:addChannel = 1 {share:g} {_PHASE_SPACE} {quark} -{quark}" for quark in flavours]
    return Process(f"semi-visible jets of {mass:g} GeV", tuple(lines))


def without_invisible(events: Particles) -> Particles:
    """The events without the particles that leave unseen; a detector would take them for neutral hadrons."""
    return events.keep(np.abs(events.pdg) != _INVISIBLE)
