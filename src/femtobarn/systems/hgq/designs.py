"""Points of the front as hardware: Verilog, its simulation and its count of look-up tables."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from femtobarn.errors import InputError, MissingExtraError
from femtobarn.hardware.export import export_verilog
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.systems.hgq.study import METHODS, Method, Point, Trained


@dataclass(frozen=True)
class Hardware:
    """How designs are written out."""

    vectors: int = 1000
    """Test events that the Verilog is simulated on."""
    pipeline: int = 5
    """Most adders between two registers; 0 for no registers."""
    optimise: bool = True
    """Share sums between outputs with alkaid; without it every weight is written by itself."""
    synthesis: bool = True
    """Count look-up tables with yosys."""
    seeds: int = 1
    """Of how many seeds designs are written out and counted; yosys takes minutes for the dear ones."""
    largest: int = 100_000
    """EBOPs beyond which a design is not written out: yosys would take too long."""

    def __post_init__(self) -> None:
        if self.vectors < 1 or self.pipeline < 0 or self.seeds < 1:
            got = f"{self.vectors}, {self.pipeline}, {self.seeds}"
            raise InputError(f"at least one vector, a pipeline of 0 or more and one seed expected: got {got}")


class Design(NamedTuple):
    """A point chosen for its quality, to be written out."""

    point: Point
    within: float
    """Largest distance of its validation quality from that in floating point."""

    @property
    def method(self) -> Method:
        """How it was quantised."""
        return self.point.part.method

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.point.name


def designs(trained: Trained, *, seeds: int) -> list[Design]:
    """For the first seeds trained bits at all distances and the baselines at the first; dear ones last."""
    first, *others = trained.study.within
    asked: list[tuple[Method, int, float]] = []
    for seed in trained.study.seeds[:seeds]:
        asked += [(method, seed, first) for method in METHODS]
        asked += [("trained bits", seed, within) for within in others]
    found = []
    for method, seed, within in asked:
        point = trained.chosen(method, seed, within=within)
        if point is not None:
            found.append(Design(point, within))
    return sorted(found, key=lambda design: design.point.ebops)


def write(
    integers: IntegerModel, folder: Path, *, vectors: np.ndarray, test: np.ndarray, settings: Hardware
) -> dict[str, Any]:
    """The report of a design as plain JSON; what could not be done stands in its notes."""
    try:
        report = export_verilog(
            integers,
            folder,
            vectors=vectors,
            test=test,
            pipeline=settings.pipeline,
            optimise=settings.optimise,
            synthesis=settings.synthesis,
        )
    except MissingExtraError as error:
        return {"notes": [f"the Verilog was not written: {error}; or give --hardware.no-optimise"]}
    return {**asdict(report), "verified": report.verified}
