from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.data.source import Source
from femtobarn.datasets import describe, muon_tgc, summaries
from femtobarn.errors import InputError


def _write(path: Path, x: np.ndarray, y: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file["X"], file["Y"] = x, y
    return path


@pytest.mark.parametrize("column", [True, False])
def test_the_published_layout_is_read(tmp_path: Path, column: bool) -> None:
    g = np.random.default_rng(1)
    x, y = g.integers(0, 2, (9, 7, 50)).astype(np.int8), g.normal(229, 50, 9)
    source = muon_tgc.open_tracks(_write(tmp_path / "tgc.h5", x, y[:, None] if column else y))
    assert isinstance(source, Source)
    found = source.read(("hits", "angle"), 3, 9)
    np.testing.assert_array_equal(found["hits"], x[3:])
    np.testing.assert_array_equal(found["angle"], y[3:].astype(np.float32))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    arrays = muon_tgc.stand_in(50, seed=1).read(("hits", "angle"), 0, 50)
    muon_tgc.write_tracks(tmp_path / "tgc.h5", arrays["hits"], arrays["angle"])
    found = muon_tgc.open_tracks(tmp_path / "tgc.h5").read(("hits", "angle"), 0, 50)
    np.testing.assert_array_equal(found["hits"], arrays["hits"])
    np.testing.assert_array_equal(found["angle"], arrays["angle"])


def test_spoilt_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "tgc.h5"
    with pytest.raises(InputError, match="no such file"):
        muon_tgc.open_tracks(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        muon_tgc.open_tracks(path)
    with pytest.raises(InputError, match=r"expected X \(n, 7, 50\)"):
        muon_tgc.open_tracks(_write(path, np.zeros((3, 50, 7)), np.zeros(3)))
    with pytest.raises(InputError, match="X 3, Y 2"):
        muon_tgc.open_tracks(_write(path, np.zeros((3, 7, 50)), np.zeros(2)))
    with pytest.raises(InputError, match="row 1: expected finite numbers in angle"):
        muon_tgc.open_tracks(_write(path, np.zeros((3, 7, 50)), np.array([0, np.nan, 1])))
    with h5py.File(path, "w") as file:
        file["X"] = np.zeros((3, 7, 50))
    with pytest.raises(InputError, match="Y is missing"):
        muon_tgc.open_tracks(path)


def test_toy_hits_lie_on_a_line_of_the_angle() -> None:
    """The slope of a line through the strips that fired gives the angle back."""
    count = 4000
    arrays = muon_tgc.stand_in(count, seed=2).read(("hits", "angle"), 0, count)
    hits, angle = arrays["hits"], arrays["angle"]
    assert 29 <= angle.min() < angle.max() <= 429
    fired = hits.sum(axis=2)
    one = (fired == 1).all(axis=1)
    assert one.sum() > 200
    strip = hits[one].argmax(axis=2) + 0.5 - np.array([0, 1, 2, 0, 1.5, 0, 1.5]) / 3
    depth = np.array([0.0, 1, 2, 39, 40, 79, 80])
    slope = np.polynomial.polynomial.polyfit(depth, strip.T, 1)[1]
    residual = 1e3 * np.arctan(slope) - angle[one]
    core = np.abs(residual) < 15
    assert core.mean() > 0.9  # the others have a strip that fired by itself in place of the track's
    assert abs(residual[core].mean()) < 0.5
    assert residual[core].std() < 4
    # A strip of width w without any sharing measures to w / sqrt(12): no line can do much better than this.
    lever = np.sqrt(((depth - depth.mean()) ** 2).sum())
    assert residual[core].std() > 0.3 * 1e3 / np.sqrt(12) / lever


def test_the_stand_in_is_its_seed_s() -> None:
    first, again, other = (muon_tgc.stand_in(30, seed=s).read(("hits",), 0, 30)["hits"] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    with pytest.raises(InputError, match="at least one track"):
        muon_tgc.stand_in(0, seed=1)


def test_it_is_described() -> None:
    assert "mrad" in describe("muon_tgc")
    assert "muon_tgc" in summaries()
