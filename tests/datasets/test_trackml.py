"""The TrackML files: read, written, and what is wrong with them."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from femtobarn.datasets import trackml
from femtobarn.errors import InputError
from femtobarn.metrics.tracking import trackml_score
from femtobarn.physics.tracks import Hits, trackml_weights
from femtobarn.simulate.tracker import soft_collisions, tracker

EVENT = "event000000001"


@pytest.fixture(scope="module")
def simulated() -> Hits:
    draw = np.random.default_rng(1)
    return tracker(soft_collisions(2, pileup=2, generator=draw), generator=draw)


@pytest.fixture
def folder(simulated: Hits, tmp_path: Path) -> Path:
    trackml.write_trackml(simulated, tmp_path, first=1)
    return tmp_path


@pytest.fixture(scope="module")
def real(real_data: Path) -> Hits:
    return trackml.hits_of(trackml.open_event(real_data / "trackml_event", EVENT))


def test_what_is_written_is_read(simulated: Hits, folder: Path) -> None:
    assert trackml.event_names(folder) == [EVENT, "event000000002"]
    for index, name in enumerate(trackml.event_names(folder)):
        found, true = trackml.hits_of(trackml.open_event(folder, name)), simulated.event(index)
        np.testing.assert_allclose(found.position, true.position, rtol=1e-5, atol=1e-6)
        for one, other in zip(found[2:6], true[2:6], strict=True):
            np.testing.assert_array_equal(one, other)
        assert found.cells is not None
        assert true.cells is not None
        assert found.truth is not None
        assert true.truth is not None
        assert found.particles is not None
        assert true.particles is not None
        np.testing.assert_array_equal(found.cells.channel, true.cells.channel)
        np.testing.assert_allclose(found.cells.value, true.cells.value, rtol=1e-5)
        np.testing.assert_array_equal(found.truth.particle, true.truth.particle)
        np.testing.assert_allclose(found.truth.weight, true.truth.weight, rtol=1e-5)
        np.testing.assert_array_equal(found.particles.barcode, true.particles.barcode)
        np.testing.assert_array_equal(found.particles.hits, true.particles.hits)


def test_packed_files_and_those_without_truth_are_read(folder: Path) -> None:
    plain = trackml.hits_of(trackml.open_event(folder, EVENT))
    for kind in ("hits", "cells"):
        path = folder / f"{EVENT}-{kind}.csv"
        with path.open("rb") as source, gzip.open(f"{path}.gz", "wb") as target:
            shutil.copyfileobj(source, target)
        path.unlink()
    (folder / f"{EVENT}-truth.csv").unlink()
    packed = trackml.hits_of(trackml.open_event(folder, EVENT))
    np.testing.assert_array_equal(packed.position, plain.position)
    assert packed.truth is None
    (folder / f"{EVENT}-cells.csv.gz").unlink()
    assert trackml.hits_of(trackml.open_event(folder, EVENT)).cells is None


def test_identifiers_beyond_the_mantissa_are_exact(folder: Path) -> None:
    """Of two barcodes beyond 2^53 that differ by one, each stays itself."""
    path = folder / f"{EVENT}-particles.csv"
    lines = path.read_text().splitlines()
    odd = [(200 << 52) + 1, (200 << 52) + 2, 2**63 - 1]
    for row, number in enumerate(odd):
        lines[row + 1] = ",".join([str(number), *lines[row + 1].split(",")[1:]])
    path.write_text("\n".join(lines) + "\n")
    table = trackml.open_event(folder, EVENT).particles
    assert table is not None
    assert table["particle_id"][:3].tolist() == odd


def edited(folder: Path, kind: str, line: int, column: int, value: str) -> None:
    path = folder / f"{EVENT}-{kind}.csv"
    lines = path.read_text().splitlines()
    fields = lines[line].split(",")
    fields[column] = value
    lines[line] = ",".join(fields)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("kind", "line", "column", "value", "words"),
    [
        ("hits", 2, 0, "1", "there 2 times"),
        ("hits", 2, 1, "nan", "line 3: x is nan"),
        ("hits", 2, 4, "99", "which TrackML does not have"),
        ("hits", 2, 0, "1.5", "expected a whole number"),
        ("truth", 3, 1, "77", "particle_id 77 is in no other file"),
        ("truth", 3, 0, "2", "expected each of"),
        ("cells", 1, 0, "999999", "hit_id 999999 is in no other file"),
        ("particles", 1, 0, "99999999999999999999", "whole number of 64 bits"),
        ("particles", 0, 1, "kind_of", ""),
        ("particles", 0, 1, "partycle_type", "expected particle_type or no such column, got 'partycle_type'"),
        ("particles", 0, 2, "wrong", "vx missing"),
    ],
)
def test_what_is_wrong_is_told(
    kind: str, line: int, column: int, value: str, words: str, folder: Path
) -> None:
    edited(folder, kind, line, column, value)
    if not words:  # particle_type may be missing
        assert trackml.hits_of(trackml.open_event(folder, EVENT)).particles is not None
        return
    with pytest.raises(InputError, match=words):
        trackml.hits_of(trackml.open_event(folder, EVENT))


def test_a_file_cut_short_is_told(folder: Path) -> None:
    path = folder / f"{EVENT}-hits.csv"
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    (folder / f"{EVENT}-hits.csv.gz").write_bytes(packed[:-20])
    with pytest.raises(InputError, match=r"hits.csv.gz: not a readable gzip file"):
        trackml.open_event(folder, EVENT)


def test_a_folder_without_events_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        trackml.event_names(tmp_path)
    with pytest.raises(InputError, match="expected a folder"):
        trackml.event_names(tmp_path / "nothing")
    with pytest.raises(InputError, match="no such file"):
        trackml.open_event(tmp_path, EVENT)


def test_the_real_event_is_whole(real: Hits) -> None:
    assert real.truth is not None
    assert real.particles is not None
    assert real.cells is not None
    assert len(real.position) == 5527
    assert len(real.particles.barcode) == 548
    assert (real.truth.particle < 0).sum() == 829
    assert len(real.cells.value) == 18_564
    assert real.truth.weight.sum() == pytest.approx(0.05126, abs=1e-5)
    assert np.isfinite(real.cells.value).all()
    np.testing.assert_array_equal(
        np.bincount(real.truth.particle[real.truth.particle >= 0], minlength=548), real.particles.hits
    )


def test_our_weights_are_those_of_the_challenge(real: Hits) -> None:
    """Up to the normalisation of the whole event; the challenge gives nothing to particles from matter."""
    assert real.truth is not None
    assert real.particles is not None
    ours = trackml_weights(real.truth.particle, real.truth.position[:, 2], real.particles, real.offset)
    counted = real.truth.weight > 0
    ratio = real.truth.weight[counted] / ours[counted]
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=2e-5)
    assert real.particles.primary[real.truth.particle[(ours > 0) & ~counted]].mean() < 0.1


def test_scores_of_the_real_event(real: Hits) -> None:
    assert real.truth is not None
    truth = real.truth
    assert trackml_score(truth.particle, truth.particle, truth.weight) == pytest.approx(1)
    assert trackml_score(np.zeros(5527, int), truth.particle, truth.weight) == 0
    draw = np.random.default_rng(2)
    moved = truth.particle.copy()
    some = draw.random(5527) < 0.05
    moved[some] = draw.permutation(truth.particle)[some]
    assert 0.93 < trackml_score(moved, truth.particle, truth.weight) < 0.96


def test_listed_particles_become_input(folder: Path) -> None:
    table = trackml.open_event(folder, EVENT).particles
    assert table is not None
    particles, barcode = trackml.particles_of(table)
    every, _ = trackml.particles_of(table, with_hits=False)
    assert len(particles.pdg) == (table["nhits"] > 0).sum() < len(every.pdg) == len(table["nhits"])
    mass = np.sqrt(particles.momentum[:, 0] ** 2 - (particles.momentum[:, 1:] ** 2).sum(axis=1))
    np.testing.assert_allclose(mass, 0.13957, atol=1e-3)
    assert set(barcode) <= set(table["particle_id"])
    del table["particle_type"]
    assert set(np.abs(trackml.particles_of(table)[0].pdg)) == {211}
