"""The sample in EDM4hep: energy is conserved and links lead to the right particles."""

from pathlib import Path

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
    with pytest.raises(InputError, match="no column 'generatorStatus'"):
        edm4hep.generator_particles(path)


def test_it_is_listed_and_described() -> None:
    assert edm4hep.SUMMARY in datasets.summaries()
    assert "MCRecoAssociations" in datasets.describe("edm4hep")
