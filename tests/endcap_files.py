"""Files of hits as others write them, made of simulated hits: the toy of HGCalML's authors, ColliderML."""

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn.datasets import colliderml, minicalo
from femtobarn.simulate.endcap import Endcap, EndcapHits, endcap_hits, gun

LIGHT = 299.792458  # mm/ns


def some_hits(count: int = 2, seed: int = 1, **more: Any) -> tuple[EndcapHits, Endcap]:
    """Hits of a few particles each in the whole endcap, in coarse cells."""
    endcap, draw = Endcap(field=0.0, etas=24, phis=96), np.random.default_rng(seed)
    particles = gun(count, endcap, generator=draw, **({"number": (3, 5), "energy": (2.0, 10.0)} | more))
    return endcap_hits(particles, endcap, generator=draw), endcap


def toy_events(hits: EndcapHits, endcap: Endcap) -> list[dict[str, np.ndarray]]:
    """Dictionaries as the toy's library gives them: energies in the silicon, doubles and 32-bit whole numbers."""
    made = []
    for number in range(hits.events):
        one = hits.take(np.array([number]))
        x, y, z = endcap.position(one.cell).T
        weight = minicalo._weights(z)
        order = np.lexsort((one.share_hit, one.share_particle))  # the toy goes particle by particle
        made.append(
            {
                "rechit_energy": one.energy / weight,
                "rechit_x": x,
                "rechit_y": y,
                "rechit_z": z,
                "rechit_idx": one.cell.astype(np.int32),
                "rechit_stupid_pid": np.zeros(len(x), np.int32),
                "hit_particle_id": one.share_particle[order].astype(np.int32),
                "hit_particle_deposit": (one.share_energy / weight[one.share_hit])[order],
                "hit_particle_sensor_idx": one.cell[one.share_hit][order].astype(np.int32),
                "particles_kinetic_energy": one.incoming.energy.astype(np.float64),
                "particles_pdgid": one.incoming.pdg.astype(np.int32),
                "particles_parent_idx": np.full(len(one.incoming.pdg), -1, np.int32),
            }
        )
    return made


def write_toy(path: Path, events: list[dict[str, np.ndarray]]) -> Path:
    """A pickle, packed where the name says so, or a Parquet file."""
    if path.suffix == ".parquet":
        import pyarrow as arrow
        from pyarrow import parquet

        table = {name: [event[name].tolist() for event in events] for name in events[0]}
        kinds = {name: arrow.from_numpy_dtype(values.dtype) for name, values in events[0].items()}
        schema = arrow.schema({name: arrow.list_(kind) for name, kind in kinds.items()})
        parquet.write_table(arrow.table(table, schema=schema), path)
    else:
        content = pickle.dumps(events if len(events) > 1 else events[0])
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def colliderml_rows(hits: EndcapHits, endcap: Endcap) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of `calo_hits` and of `particles`: the front as ECAL, the back as HCAL, both at positive z."""
    cells, listed = [], []
    for number in range(hits.events):
        one = hits.take(np.array([number]))
        place, early = endcap.position(one.cell), endcap.layer_of(one.cell) < endcap.electromagnetic
        detector = np.where(early, 11, 14)
        scale = colliderml.SCALE[detector - 9]
        ends = np.cumsum(np.bincount(one.share_hit, minlength=len(place)))[:-1]
        barcode = 2**63 + np.arange(len(one.incoming.pdg), dtype=np.uint64)
        time = one.time + np.linalg.norm(place, axis=1) / LIGHT
        row: dict[str, Any] = {"event_id": number, "detector": detector.tolist()}
        row |= {"total_energy": (one.energy / scale).tolist()}
        row |= {axis: place[:, i].tolist() for i, axis in enumerate("xyz")}
        for name, values in (
            ("contrib_particle_ids", barcode[one.share_particle]),
            ("contrib_energies", one.share_energy / scale[one.share_hit]),
            ("contrib_times", time[one.share_hit]),
        ):
            row[name] = [each.tolist() for each in np.split(values, ends)]
        cells.append(row)
        momentum = one.incoming.energy[:, None] * one.incoming.direction
        particle: dict[str, Any] = {"event_id": number, "particle_id": barcode.tolist()}
        particle |= {"pdg_id": one.incoming.pdg.tolist(), "charge": one.incoming.charge.tolist()}
        particle |= {f"v{axis}": [0.0] * len(barcode) for axis in "xyz"}
        particle |= {f"p{axis}": momentum[:, i].tolist() for i, axis in enumerate("xyz")}
        listed.append(particle)
    return cells, listed


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as a Parquet file."""
    import pyarrow as arrow
    from pyarrow import parquet

    wide = arrow.list_(arrow.uint64())  # numbers of particles fill all 64 bits
    kinds = {"particle_id": wide, "contrib_particle_ids": arrow.list_(wide)}
    columns = {name: arrow.array([row[name] for row in rows], kinds.get(name)) for name in rows[0]}
    parquet.write_table(arrow.table(columns), path)
    return path
