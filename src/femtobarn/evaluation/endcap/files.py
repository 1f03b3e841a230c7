"""Hits of an endcap from files: HGCalML's arrays, the authors' toy, ColliderML, EDM4hep."""

from pathlib import Path

import numpy as np

from femtobarn.data.parquet_lists import ParquetLists
from femtobarn.datasets import colliderml, edm4hep, hgcalml, minicalo
from femtobarn.datasets.hgcalml import HitEvents

_LIGHT = 299.792458  # mm/ns


def read_hits(path: str | Path) -> HitEvents:
    """Events of one file, by its ending; of ColliderML and EDM4hep without truth.

    ============================= ======================================================
    ``.pkl``, ``.pkl.gz``         the authors' Geant4 toy, `femtobarn.datasets.minicalo`
    ``.parquet``                  the same, or calorimeter hits of ColliderML
    ``.root``                     EDM4hep, collection ``CalorimeterHits``
    any other                     HDF5 with HGCalML's feature arrays
    ============================= ======================================================

    Raises:
        InputError: What the reader of the layout says.
        MissingExtraError: The package that reads the format is not installed.
    """
    path = Path(path)
    if path.suffix in (".pkl", ".gz"):
        return minicalo.open_events(path)
    if path.suffix == ".parquet":
        toy = "rechit_energy" in ParquetLists(path).columns
        return minicalo.open_events(path) if toy else colliderml.calorimeter_hits(path)
    if path.suffix == ".root":
        return _of_edm4hep(path)
    return hgcalml.open_hits(path)


def _of_edm4hep(path: Path) -> HitEvents:
    found = edm4hep.calorimeter_hits(path)
    late = found.time - np.linalg.norm(found.position, axis=1) / _LIGHT
    columns = np.column_stack((found.energy, found.position, late, np.zeros(len(late))))
    nobody, nothing = np.full(len(late), -1), np.empty(0)
    none = np.zeros(len(found.offset), np.int64)
    return HitEvents(found.offset, columns.astype(np.float32), nobody, none, nothing, nothing, none[:0])
