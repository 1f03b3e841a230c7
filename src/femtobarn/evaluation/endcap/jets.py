"""Jets of the showers found in an endcap against jets of the true ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from femtobarn.evaluation.endcap.showers import FACE, Showers
from femtobarn.evaluation.endcap.tables import LEAST, Outcome, median, seeds_of, share, width
from femtobarn.metrics.particle_flow import matched
from femtobarn.physics.clustering import anti_kt
from femtobarn.physics.vectors import cylindrical
from femtobarn.runs import Result
from femtobarn.study import row

_RADIUS, _LEAST_TRUE, _LEAST_FOUND, _MATCH = 0.4, 20.0, 5.0, 0.2  # the middle two are pT in GeV


def jet_rows(name: str, group: Sequence[Outcome], *, seed: int) -> list[Result]:
    """Share of true jets found, and median and width of their pT over the true one, of one method over its seeds.

    Jets are anti-kT of 0.4 of showers, as massless particles from the middle of the detector: all true ones of a
    sample, pile-up included, with their true energies, and all found ones. True jets have 20 GeV; the nearest found
    one within 0.2 is theirs.

    Args:
        name: Of the sample.
        group: Outcomes that differ by their seed.
        seed: Of the bootstrap.

    Raises:
        MissingExtraError: FastJet is not installed.
    """
    ratios = [jet_ratios(each.samples[name]) for each in group]
    if not len(ratios[0]):
        return []
    labels, seeds = {"sample": name, **group[0].labels}, seeds_of(group)
    found = [share(np.isfinite(each)) for each in ratios]
    made = [row("jets found", found, labels, n=len(ratios[0]), seeds=seeds)]
    seen = [each[np.isfinite(each)] for each in ratios]
    if min(map(len, seen)) >= LEAST:
        more: dict[str, Any] = {"seeds": seeds, "n": len(seen[0])}
        made.append(row("jet response", [median(each, seed=seed) for each in seen], labels, **more))
        made.append(row("jet resolution", [width(each, seed=seed) for each in seen], labels, **more))
    return made


def jet_ratios(showers: Showers) -> Float[np.ndarray, " jet"]:
    """pT of the partner of each true jet over the true one, NaN for those without."""
    every = np.arange(showers.events + 1)
    truth = anti_kt(
        _momenta(showers.energy, showers.place),
        _offset(showers.event, every),
        radius=_RADIUS,
        min_pt=_LEAST_TRUE,
    )
    found = anti_kt(
        _momenta(showers.found_energy, showers.found_place),
        _offset(showers.found_event, every),
        radius=_RADIUS,
        min_pt=_LEAST_FOUND,
    )
    axes, seen = (cylindrical(jets.momentum)[:, :3] for jets in (truth, found))
    partner = matched(axes, truth.event, seen, found.event, distance=_MATCH)
    return np.append(seen[:, 0], np.nan)[partner] / axes[:, 0]


def _momenta(
    energy: Float[np.ndarray, " shower"], place: Float[np.ndarray, "shower 2"]
) -> Float[np.ndarray, "shower 4"]:
    point = np.column_stack((place, np.full(len(place), FACE)))
    return np.column_stack((energy, point * (energy / np.linalg.norm(point, axis=1))[:, None]))


def _offset(event: Int[np.ndarray, " shower"], every: Int[np.ndarray, " boundary"]) -> np.ndarray:
    return np.searchsorted(event, every)
