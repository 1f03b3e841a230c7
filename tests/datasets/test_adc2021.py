"""ADC2021: the published layout, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.datasets import adc2021
from femtobarn.errors import InputError

CLASSES = [b"MET_class_1", b"Four_Ele_class_2", b"Four_Mu_class_3", b"Ten_Jet_class_4"]


def particles(events: int, seed: int = 1) -> np.ndarray:
    """Events as published: (pT, eta, phi, class) of 19 places, hardest first, zeros for padding."""
    draw = np.random.default_rng(seed)
    found = np.zeros((events, 19, 4))
    for event in found:
        event[0] = draw.exponential(30), 0.0, draw.uniform(-np.pi, np.pi), 1
        for first, most, kind in ((1, 4, 2), (5, 4, 3), (9, 10, 4)):
            count = draw.integers(0, most + 1)
            pt = np.sort(draw.exponential(40, count))[::-1] + 3
            rows = np.stack((pt, draw.normal(0, 1.5, count), draw.uniform(-np.pi, np.pi, count)), axis=1)
            event[first : first + count] = np.column_stack((rows, np.full(count, kind)))
    return found


def write(path: Path, table: np.ndarray, *, black_box: bool = False) -> None:
    """A file in the published layout."""
    with h5py.File(path, "w") as file:
        file["Particles"] = table
        file["Particles_Names"] = np.array([b"Pt", b"Eta", b"Phi", b"Class"])
        file["Particles_Classes"] = np.array(CLASSES)
        if black_box:
            file["EvtId"] = np.arange(100, 100 + len(table))


def test_a_file_in_the_published_layout_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = particles(30)
    write(tmp_path / "background_for_training.h5", table)
    write(tmp_path / "BlackBox_13TeV_PU20.h5", table, black_box=True)
    source = adc2021.open_events(tmp_path / "background_for_training.h5")
    found = source.read(["mask", "objects"], 5, 30)
    np.testing.assert_array_equal(found["objects"], table[5:, :, :3].astype(np.float32))
    np.testing.assert_array_equal(found["mask"], table[5:, :, 3] > 0)
    box = adc2021.open_events(tmp_path / "BlackBox_13TeV_PU20.h5")
    assert box.columns == ("objects", "mask", "event")
    assert box.read(["event"], 2, 4)["event"].tolist() == [102, 103]


def _changed(place: tuple[int, int, int], value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(table: np.ndarray) -> np.ndarray:
        table[place] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_changed((3, 0, 0), np.nan), "row 3: expected finite numbers"),
        (_changed((4, 0, 3), 4.0), "row 4: expected class 0 or that of the place"),
        (_changed((2, 0, 3), 0.0), "row 2: expected zeros where the class is 0"),
        (_changed((1, 0, 0), -2.0), "row 1: expected a pT of 0 or more"),
        (lambda t: t[:, :18], r"expected Particles \(event, 19, 4\), got \(event, 18, 4\)"),
    ],
)
def test_a_wrong_file_is_refused_with_its_row(
    change: Callable[[np.ndarray], np.ndarray], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.h5"
    write(path, change(particles(6)))
    with pytest.raises(InputError, match=words):
        adc2021.open_events(path).read(["objects"], 0, 6)


def test_features_in_another_order_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.h5", particles(3))
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        del file["Particles_Names"]
        file["Particles_Names"] = np.array([b"Eta", b"Pt", b"Phi", b"Class"])
    with pytest.raises(InputError, match="expected Particles_Names Pt, Eta, Phi, Class, got Eta"):
        adc2021.open_events(tmp_path / "x.h5")
