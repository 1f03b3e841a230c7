"""Hits of an endcap as files: written and read, cut into events, and what a file may get wrong."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.datasets import hgcalml
from femtobarn.errors import InputError
from femtobarn.simulate.endcap import Endcap, endcap_hits, gun, truth


def events(count: int = 3, seed: int = 1) -> hgcalml.HitEvents:
    endcap, draw = Endcap(field=0.0), np.random.default_rng(seed)
    incoming = gun(count, endcap, generator=draw, number=(1, 3), energy=(2.0, 5.0))
    return hgcalml.of_endcap(endcap_hits(incoming, endcap, generator=draw), endcap)


def test_objects_are_the_particles_that_own_hits() -> None:
    endcap, draw = Endcap(field=0.0), np.random.default_rng(2)
    hits = endcap_hits(gun(4, endcap, generator=draw), endcap, generator=draw)
    made, found = hgcalml.of_endcap(hits, endcap), truth(hits)
    assert len(made) == 4
    own = made.owner >= 0
    np.testing.assert_array_equal(own, found.particle >= 0)
    np.testing.assert_allclose(made.energy[made.owner[own]], hits.incoming.energy[found.particle[own]])
    np.testing.assert_allclose(made.deposited[made.owner[own]], found.deposited[found.particle[own]])
    event = np.repeat(np.arange(4), np.diff(made.offset))
    assert (np.searchsorted(made.of_object, made.owner[own], side="right") - 1 == event[own]).all()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = events()
    hgcalml.write_hits(tmp_path / "hits.h5", made)
    read = hgcalml.open_hits(tmp_path / "hits.h5")
    for name, column in vars(made).items():
        np.testing.assert_allclose(getattr(read, name), column, rtol=1e-5)


def test_events_are_taken_and_joined() -> None:
    made = events(5)
    parts = [
        made.take(np.array([0, 1])),
        made.take(np.array([], int)),
        made.event(2),
        made.take(np.array([3, 4])),
    ]
    again = hgcalml.joined_events(parts)
    for name, column in vars(made).items():
        np.testing.assert_array_equal(getattr(again, name), column)


def test_parts_of_events_have_all_hits_and_know_their_showers() -> None:
    made = events(4)
    turned = replace(
        made, hits=made.hits * np.array([1, -1, 1, 1, 1, 1], np.float32)
    )  # around the seam of azimuth
    for whole in (made, turned):
        cut = hgcalml.in_parts(whole, 3)
        assert len(cut) == 12
        for number in range(4):
            parts = cut.take(np.arange(3 * number, 3 * number + 3))
            one = whole.event(number)
            for table in (parts, one):
                assert len(table.hits) == len(one.hits)
            energy = [np.append(each.energy, 0.0)[each.owner] for each in (parts, one)]
            rows = [
                np.lexsort((e, *each.hits[:, :4].T)) for e, each in zip(energy, (parts, one), strict=True)
            ]
            np.testing.assert_array_equal(parts.hits[rows[0]], one.hits[rows[1]])
            np.testing.assert_array_equal(energy[0][rows[0]], energy[1][rows[1]])
        for part in range(12):
            alone = cut.event(part)
            assert set(alone.owner[alone.owner >= 0]) == set(range(len(alone.energy)))
    assert len(hgcalml.in_parts(made.take(np.array([], int)), 3)) == 0


def _file(path: Path, **changed: np.ndarray | None) -> Path:
    hgcalml.write_hits(path, events())
    with h5py.File(path, "a") as file:
        for name, array in changed.items():
            del file[name]
            if array is not None:
                file[name] = array
    return path


def _features(row: int, column: int, value: float) -> np.ndarray:
    hgcalml.write_hits(path := Path(f"{column}.h5"), events())
    with h5py.File(path) as file:
        features = file["features"][:]
    path.unlink()
    features[row, column] = value
    return features


def test_a_file_without_truth_has_hits_of_nobody(tmp_path: Path) -> None:
    found = hgcalml.open_hits(
        _file(tmp_path / "a.h5", t_idx=None, t_energy=None, t_rec_energy=None, t_pid=None)
    )
    assert (found.owner == -1).all()
    assert len(found.energy) == 0
    assert len(found) == 3


def test_tracks_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = hgcalml.open_hits(_file(tmp_path / "a.h5"))
    cut = hgcalml.open_hits(_file(tmp_path / "b.h5", features=_features(0, 2, 1.0)))
    np.testing.assert_array_equal(cut.hits, whole.hits[1:])
    np.testing.assert_array_equal(cut.offset[1:], whole.offset[1:] - 1)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        (8, np.nan, "hit 3: time is nan"),
        (0, 8000.0, "are the units GeV"),
        (0, -1.0, "-1 GeV"),
        (7, 1e9, "units"),
        (5, np.inf, "x is inf"),
    ],
)
def test_hits_that_are_none_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: int, value: float, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        hgcalml.open_hits(_file(tmp_path / "a.h5", features=_features(3, column, value)))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"row_splits": np.array([0, 5])}, "row_splits"),
        ({"row_splits": np.array([0.0, 1.0])}, "row_splits"),
        ({"features": np.zeros((4, 9))}, "features"),
        ({"features": None}, "features is missing"),
        ({"t_idx": np.zeros(3)}, "one t_idx"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, changed: dict[str, np.ndarray | None], words: str) -> None:
    with pytest.raises(InputError, match=words):
        hgcalml.open_hits(_file(tmp_path / "a.h5", **changed))
