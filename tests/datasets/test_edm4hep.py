"""The sample in EDM4hep: energy is conserved and links lead to the right particles."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from femtobarn import datasets
from femtobarn.datasets import edm4hep
from femtobarn.errors import InputError


@pytest.fixture(scope="module")
def sample(real_data: Path) -> Path:
    pytest.importorskip("uproot")
    return real_data / "edm4hep_fcc" / "fcc_winter2023_100events.root"


def test_all_energy_of_the_beams_is_there(sample: Path) -> None:
    generator = edm4hep.generator_particles(sample)
    assert generator.events == 100
    total = np.add.reduceat(generator.momentum, generator.offset[:-1])
    np.testing.assert_allclose(total[:, 0], 240, atol=1.5)  # the beams' energies spread
    np.testing.assert_allclose(total[:, 1:], 0, atol=1.5)
    np.testing.assert_array_equal(np.add.reduceat(generator.charge, generator.offset[:-1]), 0)


def test_reconstructed_particles_are_linked_to_their_particles(sample: Path) -> None:
    generator, found = edm4hep.generator_particles(sample), edm4hep.reconstructed(sample)
    candidates, linked = found.candidates, found.truth >= 0
    assert (candidates.events, len(candidates.pdg), linked.sum()) == (100, 5953, 5952)
    np.testing.assert_array_equal(candidates.event[linked], generator.event[found.truth[linked]])
    charged = linked & (candidates.charge != 0)
    np.testing.assert_array_equal(candidates.charge[charged], generator.charge[found.truth[charged]])
    measured, true = candidates.momentum[charged, 1:], generator.momentum[found.truth[charged], 1:]
    off = np.linalg.norm(measured - true, axis=1) / np.linalg.norm(true, axis=1)
    assert np.median(off) < 2e-3
    assert set(candidates.pdg) == {-211, 211, 22, 130}


def test_a_broken_file_is_told_in_one_line(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    path.write_bytes(sample.read_bytes()[:300_000])
    for read in (edm4hep.generator_particles, edm4hep.reconstructed):
        with pytest.raises(InputError, match=r"a\.root") as error:
            read(path)
        assert "\n" not in str(error.value)
    import uproot

    with uproot.recreate(path) as file:
        file["events"] = {"Jet": np.zeros(3)}
    with pytest.raises(InputError, match=r"no column 'Particle\.generatorStatus'"):
        edm4hep.generator_particles(path)


def written(path: Path, changes: dict[str, Any]) -> Path:
    """One event of three particles, a track, a photon and a neutral hadron, by the latest names."""
    uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    columns: dict[str, Any] = {
        "Particle.PDG": [[211, 22, 130]],
        "Particle.generatorStatus": [[1, 1, 1]],
        "Particle.charge": [[1.0, 0.0, 0.0]],
        **{f"Particle.{name}": [[0.0, 0.0, 0.0]] for name in ("mass", "time", "vertex.x", "vertex.y", "vertex.z")},
        **{f"Particle.momentum.{axis}": [[1.0, 2.0, 3.0]] for axis in "xyz"},
        "ReconstructedParticles.PDG": [[0, 130, 22]],
        "ReconstructedParticles.charge": [[1.0, 0.0, 0.0]],
        "ReconstructedParticles.energy": [[1.7, 5.2, 3.5]],
        **{f"ReconstructedParticles.momentum.{axis}": [[1.0, 3.0, 2.0]] for axis in "xyz"},
        "_MCRecoAssociations_from.index": [[0, 1, 2]],
        "_MCRecoAssociations_to.index": [[0, 2, 1]],
    }  # fmt: skip
    columns = {name: values for name, values in (columns | changes).items() if values is not None}
    arrays = {name: awkward.Array(values) for name, values in columns.items()}
    with uproot.recreate(path) as file:
        file.mktree("events", {name: array.type.content for name, array in arrays.items()})
        file["events"].extend(arrays)
    return path


#: What the files of a version have instead of the latest names; of 2021 the clusters say what is neutral.
LINKS: dict[str, Any] = {"_MCRecoAssociations_from.index": None, "_MCRecoAssociations_to.index": None}
WINTER = LINKS | {
    "MCRecoAssociations#0/MCRecoAssociations#0.index": [[0, 1, 2]],
    "MCRecoAssociations#1/MCRecoAssociations#1.index": [[0, 2, 1]],
    "ReconstructedParticles.PDG": None,
    "ReconstructedParticles.type": [[0, 130, 22]],
}
LAST = WINTER | {
    "MCRecoAssociations#0/MCRecoAssociations#0.index": None,
    "MCRecoAssociations#1/MCRecoAssociations#1.index": None,
    "_MCRecoAssociations_rec.index": [[0, 1, 2]],
    "_MCRecoAssociations_sim.index": [[0, 2, 1]],
}
SPRING = WINTER | {
    "ReconstructedParticles.type": [[0, 0, 0]],
    "ReconstructedParticles.clusters_begin": [[0, 0, 1]],
    "ReconstructedParticles.clusters_end": [[0, 1, 2]],
    "ReconstructedParticles#0/ReconstructedParticles#0.index": [[1, 0]],
    "ReconstructedParticles#0/ReconstructedParticles#0.collectionID": [[7, 5]],
    "EFlowPhoton.energy": [[3.5]],
    "EFlowNeutralHadron.energy": [[0.4, 5.2]],
}


@pytest.mark.parametrize(
    "changes", [{}, LAST, WINTER, SPRING], ids=["1", "before 1", "winter 2023", "spring 2021"]
)
def test_every_generation_of_files_gives_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    found = edm4hep.reconstructed(written(tmp_path / "a.root", changes))
    assert found.candidates.pdg.tolist() == [211, 130, 22]
    assert found.truth.tolist() == [0, 2, 1]


def test_the_clusters_of_the_sample_say_what_its_types_say(sample: Path, tmp_path: Path) -> None:
    """The sample of 2023 with its types set to 0, as they were in 2021."""
    import uproot

    kinds = {
        "Particle",
        "ReconstructedParticles",
        *edm4hep._NEUTRAL,
        *edm4hep._LINKS[-1],
        edm4hep._CLUSTERS[-1],
    }
    with uproot.open(sample) as file:
        tree = file["events"]
        branches = [branch for kind in kinds for branch in tree[kind].branches]
        arrays = {branch.name: branch.array() for branch in branches if "[" not in branch.name}
    right = edm4hep.reconstructed(sample).candidates.pdg
    arrays["ReconstructedParticles.type"] = 0 * arrays["ReconstructedParticles.type"]
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("events", {name: array.type.content for name, array in arrays.items()})
        file["events"].extend(arrays)
    np.testing.assert_array_equal(edm4hep.reconstructed(tmp_path / "a.root").candidates.pdg, right)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"EFlowPhoton.energy": None}, "neutral particles of type 0, .*: no branch EFlowPhoton"),
        (
            {"ReconstructedParticles#0/ReconstructedParticles#0.index": None},
            "no branch _ReconstructedParticles_clusters or ReconstructedParticles#0",
        ),
        ({"EFlowPhoton.energy": [[3.6]]}, "whose clusters are neither in EFlowPhoton nor in EFlowNeutralHadron"),
        ({"ReconstructedParticles.clusters_end": [[0, 0, 2]]}, "without a cluster"),
        ({"MCRecoAssociations#1/MCRecoAssociations#1.index": None}, "no links to the generator particles"),
        ({"MCRecoAssociations#1/MCRecoAssociations#1.index": [[0, 2, 3]]}, "points beyond its event"),
        ({"ReconstructedParticles.type": None}, "no column 'ReconstructedParticles.type'"),
        ({"Particle.momentum.x": [[1e300, 0.0, 0.0]]}, "momentum of object 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        edm4hep.reconstructed(written(tmp_path / "a.root", SPRING | changes))


def test_it_is_listed_and_described() -> None:
    assert edm4hep.SUMMARY in datasets.summaries()
    assert "MCRecoAssociations" in datasets.describe("edm4hep")


def test_hits_of_the_calorimeters_of_the_sample(sample: Path) -> None:
    """Fast simulation: hits lie where tracks end, at a radius of 2.25 m or 2.5 m along the beam, without energy."""
    hits = edm4hep.calorimeter_hits(sample)
    assert (len(hits.offset) - 1, len(hits.energy), hits.offset[-1]) == (100, 3126, 3126)
    assert not hits.energy.any()
    radius, z = np.hypot(*hits.position[:, :2].T), np.abs(hits.position[:, 2])
    there = (np.abs(radius - 2250) < 1) | (np.abs(z - 2500) < 1)
    assert not hits.position[~there].any()
    assert there.sum() == 3125, "all but one, which has no place"


def test_hits_of_another_collection_and_with_energies(tmp_path: Path) -> None:
    uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    columns = {"energy": [[0.5, 0.25], []], "time": [[1.0, 2.0], []], "cellID": [[3, 2**40], []]}
    columns |= {f"position.{axis}": [[1.0, 2.0], []] for axis in "xyz"}

    def write(changes: dict[str, list[list[float]]]) -> Path:
        arrays = {f"ECal.{name}": awkward.Array(values) for name, values in (columns | changes).items()}
        with uproot.recreate(path := tmp_path / "a.root") as file:
            file.mktree("events", {name: array.type.content for name, array in arrays.items()})
            file["events"].extend(arrays)
        return path

    hits = edm4hep.calorimeter_hits(write({}), "ECal")
    assert hits.offset.tolist() == [0, 2, 2]
    assert hits.energy.tolist() == [0.5, 0.25]
    assert hits.cell.tolist() == [3, 2**40]
    with pytest.raises(InputError, match="no column"):
        edm4hep.calorimeter_hits(write({}))
    with pytest.raises(InputError, match="hit 1 of ECal has -2 GeV"):
        edm4hep.calorimeter_hits(write({"energy": [[0.5, -2.0], []]}), "ECal")
    with pytest.raises(InputError, match="finite"):
        edm4hep.calorimeter_hits(write({"time": [[1.0, float("nan")], []]}), "ECal")
