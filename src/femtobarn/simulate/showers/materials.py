"""What a shower sees of matter: radiation length, critical energy, Moliere radius, interaction length."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from femtobarn.errors import InputError

_SCALE = 21.2  # MeV, the scale of multiple scattering in Moliere's radius


@dataclass(frozen=True)
class Material:
    """A material, with numbers of the Particle Data Group (pdg.lbl.gov/AtomicNuclearProperties)."""

    name: str
    """As Geant4 calls it."""
    Z: float
    """Atomic number; of a compound, the mean over its mass."""
    A: float
    """Atomic weight, g/mol."""
    density: float
    """g/cm3."""
    radiation: float
    """Radiation length, g/cm2."""
    interaction: float
    """Nuclear interaction length, g/cm2."""
    mip: float
    """Least energy loss of a charged particle, MeV cm2/g."""

    @property
    def critical_energy(self) -> float:
        """In MeV, as GFLASH has it (hep-ex/0001020, section 2)."""
        return 2.66 * (self.radiation * self.Z / self.A) ** 1.1


ALUMINIUM = Material("G4_Al", 13, 26.982, 2.699, 24.01, 107.2, 1.615)
SILICON = Material("G4_Si", 14, 28.086, 2.329, 21.82, 108.4, 1.664)
ARGON = Material("G4_lAr", 18, 39.948, 1.396, 19.55, 119.7, 1.508)
IRON = Material("G4_Fe", 26, 55.845, 7.874, 13.84, 132.1, 1.451)
COPPER = Material("G4_Cu", 29, 63.546, 8.96, 12.86, 137.3, 1.403)
TUNGSTEN = Material("G4_W", 74, 183.84, 19.30, 6.76, 191.9, 1.145)
LEAD = Material("G4_Pb", 82, 207.2, 11.35, 6.37, 199.6, 1.122)
POLYSTYRENE = Material("G4_POLYSTYRENE", 5.61, 11.16, 1.060, 43.79, 81.7, 1.936)
LEAD_TUNGSTATE = Material("G4_PbWO4", 68.36, 170.87, 8.300, 7.39, 168.3, 1.229)


@dataclass(frozen=True)
class Medium:
    """One material, or slabs of an absorber and of an active material in turn (see `homogeneous`, `sampling`)."""

    slabs: tuple[tuple[Material, float], ...]
    """Materials of one period and their thicknesses in mm; in the last one the signal arises."""

    @property
    def is_sampling(self) -> bool:
        """Whether there is an absorber besides the active material."""
        return len(self.slabs) > 1

    @property
    def period(self) -> float:
        """Thickness of absorber and active material together, mm."""
        return sum(thickness for _, thickness in self.slabs)

    @cached_property
    def density(self) -> float:
        """g/cm3."""
        return sum(each.density * thickness for each, thickness in self.slabs) / self.period

    @cached_property
    def Z(self) -> float:  # noqa: N802 - the symbol of the formulas
        """Atomic number, the mean over mass."""
        return self._mean([each.Z for each, _ in self.slabs])

    @cached_property
    def radiation_length(self) -> float:
        """In mm."""
        return 10 / self.density / self._mean([1 / each.radiation for each, _ in self.slabs])

    @cached_property
    def interaction_length(self) -> float:
        """In mm."""
        return 10 / self.density / self._mean([1 / each.interaction for each, _ in self.slabs])

    @cached_property
    def moliere_radius(self) -> float:
        """In mm."""
        losses = [each.critical_energy / each.radiation for each, _ in self.slabs]
        return 10 / self.density * _SCALE / self._mean(losses)

    @property
    def critical_energy(self) -> float:
        """In MeV."""
        return self.radiation_length * _SCALE / self.moliere_radius

    @cached_property
    def mip(self) -> float:
        """Least energy loss of a charged particle, MeV/mm."""
        return self.density / 10 * self._mean([each.mip for each, _ in self.slabs])

    @property
    def frequency(self) -> float:
        """F_S, periods in a radiation length; infinite for one material."""
        return self.radiation_length / self.period if self.is_sampling else np.inf

    @property
    def e_mip(self) -> float:
        """Signal of electrons over that of minimum-ionising particles of the same energy (GFLASH's e/mip)."""
        return 1 / (1 + 0.007 * (self.slabs[0][0].Z - self.slabs[-1][0].Z))

    def _mean(self, values: list[float]) -> float:
        """Over mass. Geant4's classes for GFLASH weight lengths by mass here, which mixes units; the paper does not."""
        mass = [each.density * thickness for each, thickness in self.slabs]
        return sum(m * value for m, value in zip(mass, values, strict=True)) / sum(mass)


def homogeneous(material: Material) -> Medium:
    """A block of one material."""
    return Medium(((material, 1.0),))


def sampling(absorber: tuple[Material, float], active: tuple[Material, float]) -> Medium:
    """Slabs of absorber and active material in turn, as effective quantities (hep-ex/0001020, section 3.1).

    Args:
        absorber: Material and thickness in mm.
        active: The same.

    Raises:
        InputError: A thickness is not positive.
    """
    if not (absorber[1] > 0 and active[1] > 0):
        raise InputError(f"expected positive thicknesses in mm, got {absorber[1]} and {active[1]}")
    return Medium((absorber, active))
