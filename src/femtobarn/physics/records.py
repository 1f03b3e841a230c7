"""Particles as awkward records with the names of `vector` (pt, eta, phi, mass), and as arrays: the way in and out.

Records come from coffea, uproot, fastjet or `vector` itself: any array of two levels, particles of events or of jets,
whose records have or know pt, eta and phi. Functions of this library take arrays; here each of their layouts is made
of records, and records of each.

    >>> import awkward
    >>> jets = awkward.Array([[{"pt": 3.0, "eta": 0.1, "phi": 0.0}, {"pt": 1.0, "eta": -0.3, "phi": 0.0}]])
    >>> particles, mask = relative(jets)  # what `metrics` and `energy_flow` take
    >>> particles[0, :, 2].round(2)
    array([0.75, 0.25])
    >>> of_padded(*padded(jets)).fields
    ['pt', 'eta', 'phi', 'mass']
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from femtobarn.errors import InputError, require
from femtobarn.physics.vectors import cartesian, cylindrical, delta_phi

NAMES = ("pt", "eta", "phi", "mass")
_CLASS = "Momentum4D"  #: that `vector` gives its methods to


@runtime_checkable
class Records(Protocol):
    """An awkward array of records; its package need not be imported to ask."""

    @property
    def fields(self) -> list[str]:
        """Names in the records."""

    @property
    def layout(self) -> Any:
        """How they lie in memory."""


class Padded(NamedTuple):
    """Particles of events or jets, with padding."""

    momentum: Float64[np.ndarray, "event particle 4"]  # pt, eta, phi, mass; zeros where the mask is false
    mask: Bool[np.ndarray, "event particle"]


class Flat(NamedTuple):
    """Particles in a row; those of event i are rows ``offset[i]`` to ``offset[i + 1]``."""

    momentum: Float64[np.ndarray, "particle 4"]  # E, px, py, pz
    offset: Int[np.ndarray, " boundary"]


def padded(records: Records, *, most: int | None = None) -> Padded:
    """Padded arrays of (pt, eta, phi, mass), the hardest particles first; without a mass it is 0.

    Args:
        records: Two levels.
        most: Hardest particles kept; all if not given.

    Raises:
        InputError: Another number of levels, a missing particle, or records that do not know pt, eta and phi.
        MissingExtraError: awkward is not installed, or `vector` for records of other coordinates.
    """
    awkward = require("awkward", extra="root")
    columns = _columns(records)
    hardest = awkward.argsort(columns[0], axis=1, ascending=False, stable=True)
    count = np.asarray(awkward.num(columns[0]))
    width = max(int(count.max(initial=0)) if most is None else most, 1)
    found = [
        awkward.to_numpy(awkward.fill_none(awkward.pad_none(each[hardest], width, clip=True), 0))
        for each in columns
    ]
    return Padded(np.stack(found, axis=-1).astype(np.float64), np.arange(width) < count[:, None])


def relative(
    records: Records, *, most: int | None = None
) -> tuple[Float64[np.ndarray, "jet particle 3"], Bool[np.ndarray, "jet particle"]]:
    """(eta, phi, pt) of the particles of jets relative to their jet, which is their sum: the layout of JetNet.

    Args, Raises: See `padded`; the jet is the sum of all particles, also of those beyond `most`.
    """
    whole = padded(records)
    pt, eta, phi, _ = cylindrical(
        np.where(whole.mask[..., None], cartesian(whole.momentum), 0).sum(axis=1)
    ).T[..., None]
    each = np.moveaxis(whole.momentum[:, :most], -1, 0)
    share = np.divide(each[0], pt, out=np.zeros_like(each[0]), where=pt > 0)
    mask = whole.mask[:, :most]
    particles = np.stack((each[1] - eta, delta_phi(each[2], phi), share), axis=-1)
    return np.where(mask[..., None], particles, 0.0), mask


def flat(records: Records) -> Flat:
    """(E, px, py, pz) of all particles in a row, in their order, and where each event begins, as `clustering` takes.

    Raises: See `padded`.
    """
    awkward = require("awkward", extra="root")
    columns = _columns(records)
    offset = np.concatenate(([0], np.cumsum(np.asarray(awkward.num(columns[0])))))
    rows = np.stack([np.asarray(awkward.flatten(each), np.float64) for each in columns], axis=-1)
    return Flat(cartesian(rows), offset)


def of_padded(
    momentum: Float[np.ndarray, "event particle 4"], mask: Bool[np.ndarray, "event particle"]
) -> Any:
    """Records with the names and, once ``vector.register_awkward()`` was called, the methods of `vector`.

    Args:
        momentum: pt, eta, phi, mass.
        mask: True where there is a particle.
    """
    return _records(momentum[mask], mask.sum(axis=1))


def of_flat(momentum: Float[np.ndarray, "particle 4"], offset: Int[np.ndarray, " boundary"]) -> Any:
    """The same of (E, px, py, pz) in a row; see `Flat`."""
    return _records(cylindrical(momentum), np.diff(offset))


def _records(rows: Float[np.ndarray, "particle 4"], count: Int[np.ndarray, " event"]) -> Any:
    awkward = require("awkward", extra="root")
    columns = dict(zip(NAMES, np.ascontiguousarray(rows.T), strict=True))  # as Parquet wants them
    return awkward.unflatten(awkward.zip(columns, with_name=_CLASS), count)


def _columns(records: Any) -> list[Any]:
    """pt, eta, phi and mass, each of two levels."""
    awkward = require("awkward", extra="root")
    if records.ndim != 2:
        raise InputError(
            f"expected records of two levels, particles of events or of jets, got {records.ndim}: "
            "awkward.flatten(records, axis=1) makes one list of the jets of all events"
        )
    if not {"pt", "eta", "phi"} <= {*awkward.fields(records)} and not _knows(records):
        records = _vectors(records)
    columns = [records.pt, records.eta, records.phi]
    columns.append(np.maximum(records.mass, 0) if _knows(records, "mass") else awkward.zeros_like(columns[0]))
    for name, column in zip(NAMES, columns, strict=True):
        if awkward.any(awkward.is_none(column, axis=1)) or awkward.any(awkward.is_none(column)):
            raise InputError(
                f"expected {name} of every particle, got missing ones: awkward.drop_none leaves them out"
            )
    return columns


def _knows(records: Any, *names: str) -> bool:
    """Whether records have these fields, or methods that compute them."""
    return all(hasattr(records, name) for name in names or NAMES[:3])


def _vectors(records: Any) -> Any:
    """Records of other coordinates, such as px, py, pz and E, as `vector` understands them."""
    vector = require("vector", extra="root")
    try:
        return vector.Array(records)
    except TypeError as error:
        raise InputError(
            f"expected records with pt, eta, phi and mass, or other coordinates that vector knows, got {records.fields}"
        ) from error
