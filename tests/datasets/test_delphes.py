"""The sample of Delphes: its links lead to the right particles."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn import datasets
from femtobarn.datasets import delphes
from femtobarn.errors import InputError
from femtobarn.physics.vectors import cylindrical


@pytest.fixture(scope="module")
def sample(real_data: Path) -> Path:
    pytest.importorskip("uproot")
    return real_data / "delphes_events" / "delphes_10events.root"


def test_all_energy_of_the_beams_is_there(sample: Path) -> None:
    generator = delphes.generator_particles(sample)
    assert (generator.events, len(generator.pdg)) == (10, 5885)
    energy = np.add.reduceat(generator.momentum[:, 0], generator.offset[:-1])
    np.testing.assert_allclose(energy, 13_000, rtol=1e-4)
    charge = np.add.reduceat(generator.charge, generator.offset[:-1])
    np.testing.assert_array_equal(charge, 2)  # of two protons


def test_tracks_are_linked_to_their_particles(sample: Path) -> None:
    generator, found = delphes.generator_particles(sample), delphes.tracks(sample)
    assert len(found.truth) == 818
    np.testing.assert_array_equal(generator.charge[found.truth], found.candidates.charge)
    np.testing.assert_array_equal(generator.event[found.truth], found.candidates.event)
    # The tracks of this file are not smeared; their direction is that at the point nearest to the beam.
    measured, true = (cylindrical(p) for p in (found.candidates.momentum, generator.momentum[found.truth]))
    np.testing.assert_allclose(measured[:, 0], true[:, 0], rtol=1e-6)
    np.testing.assert_allclose(measured[:, 1], true[:, 1], atol=1e-3)
    assert np.median(np.abs(measured[:, 2] - true[:, 2])) < 1e-6
    flow = delphes.tracks(sample, "EFlowTrack")
    np.testing.assert_array_equal(np.sort(flow.truth), np.sort(found.truth))
    assert np.isfinite(flow.candidates.momentum).all()


def test_neutrals_lie_within_the_calorimeters(sample: Path) -> None:
    photons, hadrons = (delphes.neutrals(sample, kind) for kind in ("EFlowPhoton", "EFlowNeutralHadron"))
    assert (len(photons.pdg), len(hadrons.pdg)) == (520, 760)
    for found, code in ((photons, 22), (hadrons, 130)):
        assert set(found.pdg) == {code}
        assert found.events == 10
        _, eta, _, mass = cylindrical(found.momentum).T
        assert np.abs(eta).max() < 5
        assert (mass < 1e-3 * found.momentum[:, 0]).all()


def test_a_broken_file_is_told_in_one_line(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    path.write_bytes(sample.read_bytes()[:400_000])
    for read in (delphes.generator_particles, delphes.tracks):
        with pytest.raises(InputError, match=r"a\.root") as error:
            read(path)
        assert "\n" not in str(error.value)
    import uproot

    with uproot.recreate(path) as file:
        file["Delphes"] = {"Jet": np.zeros(3)}
    with pytest.raises(InputError, match=r"no column 'Particle\.Status'"):
        delphes.generator_particles(path)


def test_it_is_listed_and_described() -> None:
    assert delphes.SUMMARY in datasets.summaries()
    assert "EFlowNeutralHadron" in datasets.describe("delphes")
