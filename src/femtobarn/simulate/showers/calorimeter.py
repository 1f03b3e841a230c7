"""A calorimeter as a row of sections, in all the lengths that showers are measured in."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError
from femtobarn.simulate.showers.materials import Medium


@dataclass(frozen=True)
class Section:
    """A slab of one medium whose signal is read out as a layer, or not at all.

    Radii of showers change within a few radiation lengths: make a thicker layer of several sections.
    """

    medium: Medium
    thickness: float
    """mm."""
    read: bool = True
    """Whether it gives a signal; dead material does not."""
    continues: bool = False
    """Whether it is read out together with the section before it."""
    response: float = 1.0
    """Measured energy for each GeV that an electromagnetic shower leaves in the section."""
    hadronic: float = 0.7
    """The same for the hadronic part of a shower: h / e, if `response` is 1."""
    stochastic: float = 0.0
    """Sampling fluctuations: the c of sigma/E = c / sqrt(E / GeV)."""
    sampling: float | None = None
    """What deposits in the active material are divided by to give the measured energy; see `visible`."""

    thin: bool = False
    """Whether a track's signal fluctuates as single losses in silicon do; else as that of a shower of its energy."""

    def __post_init__(self) -> None:
        if not self.thickness > 0:
            raise InputError(f"expected a section of positive thickness, got {self.thickness} mm")
        if min(self.response, self.hadronic, self.stochastic) < 0 or not self.visible > 0:
            raise InputError(f"expected response, hadronic, stochastic >= 0 and sampling > 0, got {self}")

    @property
    def visible(self) -> float:
        """Share of a shower's energy that the active material sees: `sampling`, or GFLASH's guess of it."""
        if self.sampling is not None:
            return self.sampling
        return self.medium.e_mip * self._active_mip() / self.medium.mip

    @property
    def mip(self) -> float:
        """Measured energy of a minimum-ionising particle, MeV/mm."""
        return self._active_mip() / self.visible

    def _active_mip(self) -> float:
        material, thickness = self.medium.slabs[-1]
        return material.mip * material.density / 10 * thickness / self.medium.period


@dataclass(frozen=True)
class Calorimeter:
    """Sections from front to back, infinitely wide; particles enter at right angles."""

    sections: tuple[Section, ...]
    medium: Medium
    """The one that gives electromagnetic showers their form."""
    stochastic: float = 0.0
    """Sampling term that sets the number of energy spots, which goes as its inverse."""

    def __post_init__(self) -> None:
        if not any(section.read for section in self.sections):
            raise InputError("a calorimeter needs at least one section that is read out")
        before = (None, *self.sections)
        if any(
            each.continues and not (last and last.read)
            for each, last in zip(self.sections, before, strict=False)
        ):
            raise InputError("a section that continues a layer needs a section before it that is read out")
        if self.medium.is_sampling and not self.stochastic > 0:
            raise InputError(f"a sampling calorimeter needs a stochastic term > 0, got {self.stochastic}")

    @property
    def layers(self) -> int:
        """Number of layers that are read out."""
        return int(self.layer.max()) + 1

    @cached_property
    def layer(self) -> Int[np.ndarray, " section"]:
        """The layer that each section is part of, from 0; -1 for dead material."""
        read = np.array([section.read for section in self.sections])
        first = np.array([section.read and not section.continues for section in self.sections])
        return np.where(read, np.cumsum(first) - 1, -1)

    @cached_property
    def depth(self) -> Float[np.ndarray, " edge"]:
        """Edges of the sections, mm."""
        return self._edges(lambda _: 1.0)

    @cached_property
    def radiation_depth(self) -> Float[np.ndarray, " edge"]:
        """Edges of the sections in radiation lengths."""
        return self._edges(lambda medium: medium.radiation_length)

    @cached_property
    def interaction_depth(self) -> Float[np.ndarray, " edge"]:
        """Edges of the sections in interaction lengths."""
        return self._edges(lambda medium: medium.interaction_length)

    def each(self, quantity: Callable[[Section], float]) -> Float[np.ndarray, " section"]:
        """A number of every section."""
        return np.array([quantity(section) for section in self.sections], float)

    def _edges(self, unit: Callable[[Medium], float]) -> Float[np.ndarray, " edge"]:
        lengths = self.each(lambda section: section.thickness / unit(section.medium))
        return np.concatenate(([0.0], np.cumsum(lengths)))


def block(medium: Medium, *, depth: float, layers: int, stochastic: float = 0.0) -> Calorimeter:
    """A calorimeter of one medium, cut into layers of equal depth.

    Args:
        medium: Of one material or of absorber and active material.
        depth: Of all layers together, mm.
        layers: Their number.
        stochastic: The c of the sampling resolution sigma/E = c / sqrt(E / GeV); required of a sampling medium.

    Raises:
        InputError: No layers, no depth, or a sampling medium without stochastic term.
    """
    if layers < 1 or not depth > 0:
        raise InputError(f"expected at least one layer and a positive depth, got {layers} and {depth} mm")
    return Calorimeter((Section(medium, depth / layers, stochastic=stochastic),) * layers, medium, stochastic)
