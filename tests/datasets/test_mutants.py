"""Every reader of every data set on damaged files: a right answer, a number changed with its byte, or one line."""

import gzip
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

import jetclass_files
import level1_files
from endcap_files import colliderml_rows, some_hits, write_rows, write_toy
from endcap_files import toy_events as endcap_toy
from femtobarn import datasets
from femtobarn.data.event_file import EventFile, write_events
from femtobarn.data.events import Binning, Events, event_counts
from femtobarn.data.source import Source
from femtobarn.datasets import (
    adc2021,
    beam_images,
    calo_regions,
    calochallenge,
    clic,
    cms_l1_anomaly,
    cms_pfnano,
    colliderml,
    dark_showers,
    deep_pcb,
    delphes,
    diphotons,
    disaster_messages,
    edm4hep,
    gw_samples,
    gwosc,
    hgcal,
    hgcalml,
    higgs,
    jet_tensors,
    jetclass,
    jetnet,
    jsc,
    minicalo,
    mlpf_delphes,
    mnist,
    mrms,
    msi_uterine,
    muon_tgc,
    n_mnist,
    parnassus,
    svhn,
    top_tagging,
    trackml,
    zjets_delphes,
)
from femtobarn.errors import InputError
from femtobarn.physics.substructure import OBSERVABLES
from femtobarn.physics.voxels import geometry
from femtobarn.simulate.endcap import Endcap, endcap_hits, gun
from femtobarn.simulate.tracker import soft_collisions, tracker
from flow_files import toy_events
from jet_pair_files import write_omnifold, write_parnassus, write_tensors
from mutants import Arrays, Mutant, bytewise, of_hdf5, special

DRAW = np.random.default_rng(3)
ROWS = 7


class Format(NamedTuple):
    """A file of one layout of a data set, and all that is read of it."""

    ending: str
    write: Callable[[Path], object]
    read: Callable[[Path], Arrays]


def every(source: Source) -> Arrays:
    return source.read(source.columns, 0, len(source))


def hdf5(arrays: Callable[[], Arrays]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for name, array in arrays().items():
                file[name] = array

    return write


def endcap_file(path: Path) -> None:
    endcap = Endcap(field=0.0, etas=12, phis=24)
    incoming = gun(3, endcap, generator=DRAW, number=(1, 2), energy=(1.0, 2.0))
    hits = endcap_hits(incoming, endcap, generator=DRAW)
    hgcalml.write_hits(path, hgcalml.of_endcap(hits, endcap))


def hits_of_hgcalml(path: Path) -> Arrays:
    """Hit by hit: a changed number may make a hit that of another object."""
    events = hgcalml.open_hits(path)
    energy = np.append(events.energy, 0.0)[events.owner]
    return {"offset": events.offset, "hits": events.hits, "owner": events.owner, "energy": energy}


def shares_of(events: hgcalml.HitEvents) -> Arrays:
    """Of hits alone: a changed number may make a hit that of another object, or a particle none."""
    return {"offset": events.offset, "hits": events.hits, "owner": events.owner}


def calo_table(path: Path) -> None:
    pytest.importorskip("pyarrow")
    write_rows(path, colliderml_rows(*some_hits(2, number=(1, 1), energy=(0.5, 1.0)))[0])


def outputs(path: Path) -> None:
    np.savetxt(path, DRAW.uniform(-1, 1, (ROWS, 5)))


def higgs_rows(path: Path) -> None:
    table = np.column_stack([np.arange(ROWS) % 2, DRAW.normal(size=(ROWS, 28))])
    np.savetxt(path, table, delimiter=",")  # packed where the name ends in .gz


def showers(path: Path) -> None:
    voxels = DRAW.exponential(10, (ROWS, geometry("1-photons").voxels))
    calochallenge.write_showers(path, np.full(ROWS, 2.0**12), voxels)


def cells() -> Arrays:
    return {
        "ECAL": DRAW.exponential(1, (ROWS, 25, 25, 25)).astype(np.float32),
        "target": np.stack((np.zeros(ROWS), np.linspace(10, 100, ROWS)), axis=1),
        "theta": np.full(ROWS, 1.5),
    }


def events(shape: tuple[int, ...]) -> np.ndarray:
    image = DRAW.exponential(20, (ROWS, *shape)) * (DRAW.random((ROWS, *shape)) < 0.005)
    return image.astype(np.float32)


def clouds() -> tuple[np.ndarray, np.ndarray]:
    mask = np.arange(5) < DRAW.integers(1, 6, (ROWS, 1))
    return np.where(mask[..., None], DRAW.uniform(0.1, 1, (ROWS, 5, 3)), 0), mask


def jets_of_jetnet(path: Path) -> None:
    particles, mask = clouds()
    jet = np.stack((np.full(ROWS, 900.0), np.zeros(ROWS), np.full(ROWS, 80.0), mask.sum(axis=1)), axis=1)
    jetnet.write_jets(path, particles, mask, jet)


def four_momenta() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    momentum, mask = clouds()
    energy = np.sqrt((momentum**2).sum(axis=2, keepdims=True))
    return np.concatenate((energy, momentum), axis=2), mask, np.arange(ROWS) % 2 == 0


def jets_of_hls4ml() -> Arrays:
    names = [f"j_{name}" for name in (*OBSERVABLES, "pt", "eta", "mass", *jsc.CLASSES)]
    table = DRAW.uniform(0.1, 1, (ROWS, len(names)))
    table[:, -5:] = np.eye(5)[np.arange(ROWS) % 5]
    lists = [f"j1_{name}" for name in ("etarel", "phirel", "ptrel", "pt")]
    return {
        "jets": table,
        "jetConstituentList": DRAW.uniform(0.1, 1, (ROWS, 3, len(lists))),
        "jetFeatureNames": np.array(names, "S"),
        "particleFeatureNames": np.array(lists, "S"),
    }


def table_of_hls4ml() -> Arrays:
    lists = jets_of_hls4ml()
    names = [name.decode() for name in lists["jetFeatureNames"].tolist()]
    return {"t_allpar_new": np.rec.fromarrays(lists["jets"].T, names=names)}


def tracks() -> Arrays:
    return {"X": (DRAW.random((ROWS, 7, 50)) < 0.05).astype(np.float32), "Y": DRAW.uniform(29, 429, ROWS)}


def rain(path: Path) -> None:
    mrms.write_rain(path, mrms.stand_in(ROWS, (20, 16), seed=3))


def wafers() -> Arrays:
    return {"charge": DRAW.integers(0, 200, (ROWS, 48)).astype(np.float32), "eta": np.full(ROWS, 2.1)}


def csv(header: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        np.savetxt(path, wafers()["charge"], fmt="%d", delimiter=",", header=header, comments="")

    return write


def tree(name: str, columns: Callable[[], dict[str, Any]]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")
        arrays = {key: awkward.Array(values) for key, values in columns().items()}
        with uproot.recreate(path) as file:
            file.mktree(name, {key: array.type.content for key, array in arrays.items()})
            file[name].extend(arrays)

    return write


def ntuple() -> dict[str, Any]:
    charge = DRAW.integers(0, 200, (2, ROWS, 64)).astype(np.float64)
    return {f"wafer_CALQ{i}": charge[..., i].tolist() for i in range(64)} | {
        "wafer_layer": [[1.0] * ROWS] * 2,
        "wafer_eta": [[2.0] * ROWS] * 2,
    }


def some(*names: str, prefix: str, whole: tuple[str, ...] = ()) -> dict[str, Any]:
    reals = DRAW.uniform(0.1, 2, (len(names), 3, 4)).tolist()
    return {f"{prefix}{name}": values for name, values in zip(names, reals, strict=True)} | {
        f"{prefix}{name}": [[1, 1, 1, 1]] * 3 for name in whole
    }


def nanoaod() -> dict[str, Any]:
    kinematics = ("pt", "eta", "phi", "mass")
    return (
        some(*kinematics, "puppiWeight", prefix="PFCands_", whole=("charge", "pdgId"))
        | some(*kinematics, prefix="GenCands_", whole=("charge", "pdgId"))
        | some(*kinematics, "rawFactor", prefix="FatJet_")
        | some(prefix="FatJetPFCands_", whole=("jetIdx", "pFCandsIdx"))
    )


def of_delphes() -> dict[str, Any]:
    return some(
        "E", "Px", "Py", "Pz", "T", "X", "Y", "Z", prefix="Particle.", whole=("Status", "PID", "Charge")
    ) | some("E", "Eta", "Phi", prefix="EFlowPhoton.")


def of_edm4hep() -> dict[str, Any]:
    momentum = ("momentum.x", "momentum.y", "momentum.z")
    return (
        some(
            *momentum, "mass", "time", "vertex.x", "vertex.y", "vertex.z", prefix="Particle.",
            whole=("generatorStatus", "PDG", "charge"),
        )
        | some(*momentum, "energy", prefix="ReconstructedParticles.", whole=("PDG", "charge"))
        | some(prefix="_MCRecoAssociations_from.", whole=("index",))
        | some(prefix="_MCRecoAssociations_to.", whole=("index",))
    )  # fmt: skip


def hits_of_edm4hep() -> dict[str, Any]:
    position = ("position.x", "position.y", "position.z")
    return some("energy", "time", *position, prefix="CalorimeterHits.", whole=("cellID",))


def strain_second(path: Path) -> None:
    strain = DRAW.normal(scale=1e-21, size=ROWS * 16)
    gwosc.write_strain(path, strain, detector="H1", start=1126259446, rate=16)


def strain_events(path: Path) -> None:
    strain = DRAW.normal(size=(ROWS, 2, 20)).astype(np.float32)
    gw_samples.write_samples(path, noise_samples=strain)


def flat(*parts: Any) -> Arrays:
    """The arrays of named tuples within each other, by place."""
    found: Arrays = {}
    for part in parts:
        values = flat(*part) if isinstance(part, tuple) else {"": np.asarray(part)}
        found |= {f"{len(found)}{name}": array for name, array in values.items()}
    return found


def tracker_file(kind: str, path: Path) -> None:
    """One file of an event of the TrackML challenge; all but its first rows left out."""
    draw = np.random.default_rng(3)
    hits = tracker(soft_collisions(1, pileup=1, generator=draw), generator=draw)
    folder = path.parent / f"made {path.name}"
    name = trackml.write_trackml(hits, folder)[0]
    text = b"".join((folder / f"{name}-{kind}.csv").read_bytes().splitlines(keepends=True)[: ROWS + 1])
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def tracker_table(path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = colliderml.COLUMNS["tracker_hits"]
    table = {name: DRAW.integers(1, 9, (ROWS, 3)).astype(np.float32).tolist() for name in names}
    parquet.write_table(arrow.table({"event_id": np.arange(ROWS), **table}), path)


def level1() -> Arrays:
    table = np.zeros((ROWS, 19, 4))
    for first, last, kind in ((0, 1, 1), (1, 3, 2), (5, 6, 3), (9, 12, 4)):
        table[:, first:last] = DRAW.uniform(0.1, 3, (ROWS, last - first, 4))
        table[:, first:last, 3] = kind
    return {"Particles": table, "EvtId": np.arange(ROWS)}


def quoted_messages(path: Path) -> None:
    made = disaster_messages.stand_in(ROWS, seed=1)
    rows = [f'"{text}","{int(label)}"' for text, label in zip(made.text, made.label, strict=True)]
    path.write_text("\n".join(['"message","request"', *rows, ""]))


def columns_of(read: disaster_messages.LabelledTexts) -> Arrays:
    return {"text": np.array(read.text), "label": read.label}


def class_means(path: Path) -> None:
    image = DRAW.integers(0, 256, (ROWS, 6, 6)).astype(np.uint8)
    np.savez(path, image=image, label=np.arange(ROWS), mask=np.arange(36).reshape(6, 6) < 9)


def published_images(path: Path) -> None:
    rows = np.empty((ROWS, 2), object)
    for place in range(ROWS):
        rows[place] = [DRAW.integers(0, 256, (6, 6, 3)).astype(np.uint8), place % 3]
    np.save(path, rows)


CAMERA = Binning(steps=8, bin=40_000, rows=34, columns=34, join=1)


def camera_events(last: int) -> Events:
    """Some events; without the last of them a recording is too short."""
    x, y, p = (DRAW.integers(0, most, ROWS) for most in (34, 34, 2))
    return Events(np.append(np.sort(DRAW.integers(0, 250_000, ROWS - 1)), last), x, y, p)


FORMATS: dict[str, dict[str, Format]] = {
    "adc2021": {"HDF5": Format(".h5", hdf5(level1), lambda p: every(adc2021.open_events(p)))},
    "beam_images": {
        "laser": Format(
            ".npz",
            lambda p: np.savez(p, intensity=DRAW.uniform(1, 2, (ROWS, 9))),
            lambda p: {"image": beam_images.read_laser(p, pixels=ROWS)},
        ),
        "history": Format(
            ".h5",
            lambda p: beam_images.write_history(
                p, beam_images.History(DRAW.random((ROWS, 4, 4), np.float32), DRAW.random((ROWS, 1)), None)
            ),
            lambda p: flat(*beam_images.read_history(p)[:2]),
        ),
    },
    "calo_regions": {
        "HDF5": Format(
            ".h5",
            lambda p: calo_regions.write_regions(
                p,
                DRAW.integers(0, 1024, (ROWS, 18, 14)),
                accepted=np.arange(ROWS) % 2 == 0,
                pileup=np.ones(ROWS),
            ),
            lambda p: every(calo_regions.open_regions(p)),
        )
    },
    "calochallenge": {
        "HDF5": Format(".h5", showers, lambda p: every(calochallenge.open_showers(p, "1-photons")))
    },
    "clic": {"HDF5": Format(".h5", hdf5(cells), lambda p: every(clic.open_showers([p])))},
    "cms_l1_anomaly": {
        "side by side": Format(
            ".parquet",
            lambda p: level1_files.side_by_side(p, level1_files.events(ROWS), L1bit=[True] * ROWS),
            lambda p: every(cms_l1_anomaly.open_events(p)),
        )
    },
    "cms_pfnano": {
        "ROOT": Format(
            ".root",
            tree("Events", nanoaod),
            lambda p: flat(
                cms_pfnano.generator_particles(p), cms_pfnano.particle_flow(p), cms_pfnano.jets(p, "FatJet")
            ),
        )
    },
    "colliderml": {
        "cells": Format(
            ".parquet",
            calo_table,
            lambda p: shares_of(colliderml.calorimeter_hits(p)),
        ),
        "Parquet": Format(
            ".parquet", tracker_table, lambda p: flat(colliderml.tracker_hits(p)[:6], colliderml.events(p))
        ),
    },
    "dark_showers": {
        "NumPy": Format(
            ".npz",
            lambda p: dark_showers.write_coarse(p, events((72, 58, 3)), n_tracks=np.arange(ROWS)),
            lambda p: every(dark_showers.open_images(p)),
        ),
        "HDF5": Format(
            ".h5",
            lambda p: dark_showers.write_fine(p, events((286, 360, 3)), n_tracks=np.arange(ROWS)),
            lambda p: every(dark_showers.open_images(p)),
        ),
    },
    "deep_pcb": {
        "boxes": Format(
            ".txt",
            lambda p: p.write_text(
                "".join(f"{40 * i} 10 {40 * i + 30} 50 {i % 6 + 1}\n" for i in range(ROWS))
            ),
            lambda p: flat(*deep_pcb.read_boxes(p, (640, 640))),
        )
    },
    "delphes": {
        "ROOT": Format(
            ".root",
            tree("Delphes", of_delphes),
            lambda p: flat(delphes.generator_particles(p), delphes.neutrals(p, "EFlowPhoton")),
        )
    },
    "edm4hep": {
        "ROOT": Format(
            ".root",
            tree("events", of_edm4hep),
            lambda p: flat(edm4hep.generator_particles(p), edm4hep.reconstructed(p)),
        ),
        "hits": Format(".root", tree("events", hits_of_edm4hep), lambda p: flat(edm4hep.calorimeter_hits(p))),
    },
    "gw_samples": {
        "HDF5": Format(".h5", strain_events, lambda p: every(gw_samples.open_samples(p, "noise_samples")))
    },
    "gwosc": {
        "HDF5": Format(
            ".hdf5",
            strain_second,
            lambda p: {k: np.asarray(v) for k, v in gwosc.read_strain(p)._asdict().items()},
        )
    },
    "hgcal": {
        "CSV": Format(".csv", csv(""), lambda p: every(hgcal.open_wafers(p))),
        "CSV with header": Format(
            ".csv", csv(",".join(f"CALQ_{i}" for i in range(48))), lambda p: every(hgcal.open_wafers(p))
        ),
        "ROOT": Format(".root", tree("HGCalTriggerNtuple", ntuple), lambda p: every(hgcal.open_wafers(p))),
        "HDF5": Format(
            ".h5", lambda p: hgcal.write_wafers(p, wafers()), lambda p: every(hgcal.open_wafers(p))
        ),
    },
    "hgcalml": {"HDF5": Format(".h5", endcap_file, hits_of_hgcalml)},
    "diphotons": {"text": Format(".csv", outputs, lambda p: every(diphotons.open_outputs(p, p)))},
    "disaster_messages": {
        "CSV": Format(".csv", quoted_messages, lambda p: columns_of(disaster_messages.read_messages(p)))
    },
    "higgs": {
        kind: Format(ending, higgs_rows, lambda p: every(higgs.open_higgs(p)))
        for kind, ending in (("CSV", ".csv"), ("packed", ".gz"))
    },
    "jetclass": {
        "ROOT": Format(
            ".root",
            lambda p: jetclass_files.write(p, "Hbb", ROWS, most=6),
            lambda p: every(jetclass.open_jets(p, particles=4)),
        )
    },
    "jet_tensors": {
        "torch": Format(
            ".pt",
            lambda p: write_tensors(p.parent, ROWS).replace(p),
            lambda p: every(jet_tensors.open_pairs(p)),
        )
    },
    "jetnet": {"HDF5": Format(".hdf5", jets_of_jetnet, lambda p: every(jetnet.open_jets(p)))},
    "jsc": {
        "lists": Format(".h5", hdf5(jets_of_hls4ml), lambda p: every(jsc.open_jets(p))),
        "table": Format(".h5", hdf5(table_of_hls4ml), lambda p: every(jsc.open_jets(p))),
    },
    "minicalo": {
        kind: Format(
            ending,
            lambda p: write_toy(p, endcap_toy(*some_hits(1, number=(1, 2), energy=(0.5, 1.0)))),
            lambda p: shares_of(minicalo.open_events(p)),
        )
        for kind, ending in (("pickle", ".pkl"), ("packed", ".gz"), ("Parquet", ".parquet"))
    },
    "mlpf_delphes": {
        "packed": Format(
            ".bz2",
            lambda p: mlpf_delphes.write_events(p, toy_events(3, seed=1)),
            lambda p: vars(mlpf_delphes.read_events(p)),
        )
    },
    "mnist": {
        kind: Format(
            ending,
            lambda p: mnist.write_idx(p, DRAW.integers(0, 256, (ROWS, 28, 28), dtype=np.uint8)),
            lambda p: {"image": mnist.read_idx(p)},
        )
        for kind, ending in (("IDX", ".idx"), ("packed", ".gz"))
    },
    "mrms": {"NetCDF": Format(".h5", rain, lambda p: mrms.read_rain(p)._asdict())},
    "msi_uterine": {
        "class means": Format(
            ".npz",
            class_means,
            lambda p: {k: np.asarray(v) for k, v in msi_uterine.read_exemplars(p)._asdict().items()},
        ),
        "as published": Format(
            ".npy",
            published_images,
            lambda p: {
                "counts": (read := msi_uterine.read_published(p)).counts,
                "label": np.asarray(read.label),
            },
        ),
    },
    "muon_tgc": {"HDF5": Format(".h5", hdf5(tracks), lambda p: every(muon_tgc.open_tracks(p)))},
    "n_mnist": {
        "40 bits": Format(
            ".bin",
            lambda p: n_mnist.write_recording(p, camera_events(310_000)),
            lambda p: {"counts": event_counts(n_mnist.read_recording(p), CAMERA)},
        ),
        "HDF5": Format(
            ".h5",
            lambda p: write_events(p, [camera_events(300_000 + i) for i in range(ROWS)], np.arange(ROWS)),
            lambda p: every(EventFile(p, CAMERA)),
        ),
    },
    "parnassus": {
        "ROOT": Format(
            ".root", lambda p: write_parnassus(p, ROWS), lambda p: every(parnassus.open_pairs(p, particles=9))
        )
    },
    "svhn": {
        "MATLAB": Format(
            ".mat",
            lambda p: svhn.write_images(
                p, DRAW.integers(0, 256, (ROWS, 3, 32, 32), dtype=np.uint8), np.arange(ROWS)
            ),
            lambda p: every(svhn.open_images(p)),
        )
    },
    "top_tagging": {
        "pandas": Format(
            ".h5",
            lambda p: top_tagging.write_jets(p, *four_momenta()),
            lambda p: every(top_tagging.open_jets(p)),
        ),
        "converted": Format(
            ".h5",
            lambda p: top_tagging.write_converted(p, *four_momenta()),
            lambda p: every(top_tagging.open_jets(p)),
        ),
    },
    "trackml": {
        f"{kind} {ending}": Format(
            ending, partial(tracker_file, kind), lambda p, kind=kind: trackml.read_table(p, kind)
        )
        for kind in trackml.FILES
        for ending in (".csv", ".csv.gz")
    },
    "zjets_delphes": {
        "NumPy": Format(
            ".npz", lambda p: write_omnifold(p, ROWS), lambda p: every(zjets_delphes.open_pairs(p))
        )
    },
}
CASES = [(name, layout) for name, formats in FORMATS.items() for layout in formats]


def test_every_data_set_is_tried() -> None:
    assert set(FORMATS) == {line.split()[0] for line in datasets.summaries().splitlines()}


@pytest.fixture(params=CASES, ids=" ".join)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Format, Path, Arrays]:
    name, layout = request.param
    form = FORMATS[name][layout]
    path = tmp_path / f"whole{form.ending}"
    form.write(path)
    return form, path, form.read(path)


def mutants(form: Format, path: Path, folder: Path, count: int, seed: int) -> Iterator[Mutant]:
    yield from special(path, folder)
    yield from bytewise(path, folder, count, seed)
    if form.ending in (".h5", ".hdf5"):
        yield from of_hdf5(path, folder)


def attempt(form: Format, path: Path) -> tuple[Arrays | None, str]:
    """What is read, or what is said instead."""
    try:
        return form.read(path), ""
    except InputError as error:
        return None, str(error)


def check(form: Format, right: Arrays, mutant: Mutant) -> None:
    """What came out may differ only by the value of numbers, and only where bytes of numbers were changed."""
    found, said = attempt(form, mutant.path)
    if found is None:
        assert said.isprintable(), f"{mutant.name}: {said}"
        assert str(mutant.path) in said, f"{mutant.name}: {said}"
        return
    there = found if mutant.fewer else right  # a column that a file need not have
    assert found.keys() == there.keys(), mutant.name
    for name in there:
        assert found[name].shape == right[name].shape, f"{mutant.name}: {name}"
        if not mutant.number:
            np.testing.assert_array_equal(found[name], right[name], err_msg=f"{mutant.name}: {name}")


def test_a_damaged_file_is_read_right_or_refused(case: tuple[Format, Path, Arrays], tmp_path: Path) -> None:
    form, path, right = case
    for mutant in mutants(form, path, tmp_path, 6, seed=1):
        check(form, right, mutant)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
def test_many_damaged_files_are_read_right_or_refused(
    case: tuple[Format, Path, Arrays], tmp_path: Path, seed: int
) -> None:
    form, path, right = case
    for mutant in mutants(form, path, tmp_path, 150, seed=seed):
        check(form, right, mutant)
