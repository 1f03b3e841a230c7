"""Jets of many events at once, by FastJet (Cacciari, Salam and Soyez, arXiv:1111.6097).

Particles and jets are flat arrays, one event after the other, with the boundaries between the events beside
them, as in `femtobarn.simulate.particles`.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError, require
from femtobarn.physics._padded import check_boundaries, check_mask

_LARGEST = 2**31 - 1  # FastJet's interface counts particles in 32 bits


class Jets(NamedTuple):
    """Jets of many events, in each event the one with the largest pT first."""

    offset: Int[np.ndarray, "boundary"]  # jets of event i are offset[i] to offset[i + 1]
    momentum: Float[np.ndarray, "jet 4"]  # energy, px, py, pz: the sum over the constituents
    first: Int[np.ndarray, "jet_boundary"]  # constituents of jet j are first[j] to first[j + 1]
    constituent: Int[np.ndarray, "constituent"]  # the rows of these in the particles that were clustered

    @property
    def event(self) -> Int[np.ndarray, "jet"]:
        """The event each jet belongs to."""
        return np.repeat(np.arange(len(self.offset) - 1), np.diff(self.offset))

    def keep(self, wanted: np.ndarray) -> "Jets":
        """The jets where `wanted` is true; every event stays, if need be without jets.

        Raises:
            InputError: Not true or false for each jet.
        """
        check_mask(wanted, (len(self.momentum),))
        before = np.concatenate(([0], np.cumsum(wanted)))
        sizes = np.diff(self.first)
        first = np.concatenate(([0], np.cumsum(sizes[wanted])))
        return Jets(
            before[self.offset], self.momentum[wanted], first, self.constituent[np.repeat(wanted, sizes)]
        )


def anti_kt(
    momentum: Float[np.ndarray, "particle 4"],
    offset: Int[np.ndarray, "boundary"],
    *,
    radius: float,
    min_pt: float = 0.0,
) -> Jets:
    """Anti-kT jets (arXiv:0802.1189) with at least `min_pt`; four-momenta are added.

    Args:
        momentum: Energy, px, py, pz in GeV of the particles to cluster.
        offset: Those of event i are rows ``offset[i]`` to ``offset[i + 1]``.
        radius: The jet radius R.
        min_pt: Least transverse momentum of a jet, GeV.

    Raises:
        InputError: A momentum that is not finite, boundaries that do not fit, or no radius.
        MissingExtraError: FastJet is not installed.
    """
    return _clustered(momentum, offset, "antikt_algorithm", radius, min_pt)


def cambridge_aachen(
    momentum: Float[np.ndarray, "particle 4"],
    offset: Int[np.ndarray, "boundary"],
    *,
    radius: float,
    min_pt: float = 0.0,
) -> Jets:
    """Cambridge/Aachen jets (hep-ph/9707323, hep-ph/9907280); arguments and errors as in `anti_kt`."""
    return _clustered(momentum, offset, "cambridge_algorithm", radius, min_pt)


def kt(
    momentum: Float[np.ndarray, "particle 4"],
    offset: Int[np.ndarray, "boundary"],
    *,
    radius: float,
    min_pt: float = 0.0,
) -> Jets:
    """Jets of the longitudinally invariant kT algorithm (hep-ph/9305266); else as in `anti_kt`."""
    return _clustered(momentum, offset, "kt_algorithm", radius, min_pt)


def _clustered(
    momentum: np.ndarray, offset: np.ndarray, algorithm: str, radius: float, min_pt: float
) -> Jets:
    offset = np.asarray(offset, np.int64)  # differences of unsigned numbers are never negative
    _check(momentum, offset, radius)
    fastjet = _fastjet()
    energy, px, py, pz = np.ascontiguousarray(momentum.T, np.float64)
    starts, stops = offset[:-1].astype(np.int32), offset[1:].astype(np.int32)
    definition = fastjet.JetDefinition(getattr(fastjet, algorithm), radius)
    clusters = fastjet._ext.interfacemulti(px, py, pz, energy, starts, stops, definition)
    jet_px, jet_py, jet_pz, jet_energy, jet_offset = clusters.to_numpy(min_pt)
    first, constituent, _ = clusters.to_numpy_with_constituents(min_pt)  # the same jets, hence the same cut
    first = first.astype(np.int64)
    jets = Jets(
        jet_offset.astype(np.int64),
        np.stack([jet_energy, jet_px, jet_py, jet_pz], axis=1),
        first,
        constituent[: first[-1]].astype(np.int64),  # FastJet counts them in their event; the rest is unused
    )
    in_all = jets.constituent + np.repeat(offset[jets.event], np.diff(first))
    return _hardest_first(jets._replace(constituent=in_all))


def _hardest_first(jets: Jets) -> Jets:
    pt = np.hypot(jets.momentum[:, 1], jets.momentum[:, 2])
    order = np.lexsort((-pt, jets.event))
    sizes = np.diff(jets.first)[order]
    first = np.concatenate(([0], np.cumsum(sizes)))
    source = np.repeat(jets.first[order] - first[:-1], sizes) + np.arange(first[-1])
    return Jets(jets.offset, jets.momentum[order], first, jets.constituent[source])


def _check(momentum: np.ndarray, offset: np.ndarray, radius: float) -> None:
    if not radius > 0:
        raise InputError(f"expected a jet radius above 0, got {radius:g}")
    if momentum.ndim != 2 or momentum.shape[1] != 4:
        raise InputError(f"expected momenta (particle, 4) of energy, px, py, pz, got {momentum.shape}")
    check_boundaries(offset, len(momentum))
    if len(momentum) > _LARGEST:
        raise InputError(f"expected at most {_LARGEST} particles at a time, got {len(momentum)}")
    if not np.isfinite(momentum).all():
        row = int(np.argwhere(~np.isfinite(momentum))[0, 0])
        raise InputError(f"particle {row}: expected finite momenta, got {momentum[row]}")


def _fastjet() -> Any:
    """FastJet without the banner that it prints to standard output before its first jet."""
    fastjet = require("fastjet", extra="generate")
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    return fastjet
