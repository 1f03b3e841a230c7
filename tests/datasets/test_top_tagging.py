"""Top tagging files in both layouts, and all that can be wrong with them."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn import datasets
from femtobarn.data.source import Source, stream
from femtobarn.datasets import top_tagging
from femtobarn.errors import InputError
from femtobarn.physics.vectors import cartesian, cylindrical

N = 12


def made_up(particles: int = 40) -> dict[str, np.ndarray]:
    g = np.random.default_rng(1)
    pt = -np.sort(-g.exponential(20, (N, particles)), axis=1)
    mask = np.arange(particles) < g.integers(1, particles + 1, (N, 1))
    values = np.stack((pt, g.normal(0, 1, pt.shape), g.uniform(-3, 3, pt.shape), np.zeros_like(pt)), axis=-1)
    momentum = np.where(mask[..., None], cartesian(values), 0).astype(np.float32)
    is_signal = np.arange(N) % 3 == 0
    truth = np.where(is_signal[:, None], g.normal(size=(N, 4)), 0).astype(np.float32)
    return {"momentum": momentum, "mask": mask, "is_signal": is_signal, "truth": truth}


def written(path: Path, layout: str) -> Path:
    jets = made_up()
    if layout == "pandas":
        top_tagging.write_jets(path, **jets)
    else:
        top_tagging.write_converted(path, jets["momentum"], jets["mask"], jets["is_signal"])
    return path


@pytest.mark.parametrize("layout", ["pandas", "converted"])
def test_both_layouts_give_the_same_jets(tmp_path: Path, layout: str) -> None:
    source = top_tagging.open_jets(written(tmp_path / "test.h5", layout))
    assert isinstance(source, Source)
    assert len(source) == N
    parts = list(stream(source, source.columns, rows=5))
    found = {name: np.concatenate([part[name] for part in parts]) for name in source.columns}
    for name, expected in made_up().items():
        if name == "truth" and layout == "converted":
            assert name not in found
        else:
            cut = found[name][:, :40] if name in ("momentum", "mask") else found[name]
            np.testing.assert_array_equal(cut, expected)
    assert found["momentum"].shape == (N, 200, 4)
    assert not found["mask"][:, 40:].any()
    few = top_tagging.open_jets(tmp_path / "test.h5", particles=3).read(("momentum",), 2, 4)["momentum"]
    np.testing.assert_array_equal(few, made_up()["momentum"][2:4, :3])
    with pytest.raises(InputError, match="expected 1 to 200 particles to be asked for, got 201"):
        top_tagging.open_jets(tmp_path / "test.h5", particles=201)


def test_the_published_columns(tmp_path: Path) -> None:
    with h5py.File(written(tmp_path / "test.h5", "pandas")) as file:
        names = file["table/table"].attrs["values_block_0_kind"].decode()
        assert names.startswith("(lp0\nVE_0\np1\naVPX_0\np2\naVPY_0\np3\naVPZ_0\np4\naVE_1\n")
        assert "VPZ_199\n" in names
        assert "VtruthE\n" in names
        assert file["table/table"].dtype["values_block_0"].shape == (804,)
        assert file["table/table"].attrs["values_block_1_kind"] == b"(lp0\nVttv\np1\naVis_signal_new\np2\na."


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Pmu", np.nan, "row 4: expected finite momenta"),
        ("Pmu", -1.0, "row 4: expected energies above 0"),
        ("Pmu", 0.0, "row 4: expected energies above 0"),
        ("label", 0, "row 4: expected zeros where there is no particle"),
        ("is_signal", 7, "row 4: expected a label of 0 or 1; 1 of the 12"),
    ],
)
def test_wrong_numbers_are_told_with_their_row(tmp_path: Path, name: str, value: float, message: str) -> None:
    path = written(tmp_path / "x.h5", "converted")
    with h5py.File(path, "r+") as file:
        file[name][{"Pmu": (4, 0, 0), "label": (4, 0), "is_signal": 4}[name]] = value
    with pytest.raises(InputError, match=message):
        top_tagging.open_jets(path).read(("mask",), 0, N)


def test_jets_without_particles_are_told(tmp_path: Path) -> None:
    jets = made_up()
    jets["mask"][2] = False
    with pytest.raises(InputError, match="jet 2: expected at least one particle"):
        top_tagging.write_jets(tmp_path / "x.h5", **jets)
    with pytest.raises(InputError, match="at most 200 particles"):
        top_tagging.write_jets(tmp_path / "x.h5", **made_up(201))


def test_wrong_files_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "x.h5", "converted")
    with h5py.File(path, "r+") as file:
        del file["label"]
        file["label"] = np.ones((N, 199))
    with pytest.raises(InputError, match=r"expected Pmu \(jet, particle, 4\), label \(jet, particle\)"):
        top_tagging.open_jets(path)
    with h5py.File(path, "r+") as file:
        del file["label"]
    with pytest.raises(InputError, match="no column 'label'"):
        top_tagging.open_jets(path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(InputError, match="expected a table 'table' written by pandas, got x"):
        top_tagging.open_jets(tmp_path / "other.h5")
    with pytest.raises(InputError, match="no such file"):
        top_tagging.open_jets(tmp_path / "none.h5")


def test_stand_in_is_half_tops_within_the_published_cuts(tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc")
    source = top_tagging.stand_in(101, seed=3, workers=1)
    jets = source.read(("momentum", "mask", "is_signal", "truth"), 0, 101)
    assert jets["is_signal"].sum() == 51
    pt, eta, _, mass = cylindrical(jets["momentum"].sum(axis=1, dtype=float)).T
    assert np.all((pt > 530) & (pt < 651))  # what is below 0.5 GeV is not listed
    assert np.all(np.abs(eta) < 2.02)
    assert np.median(mass[jets["is_signal"]]) > 1.5 * np.median(mass[~jets["is_signal"]])
    top = cylindrical(jets["truth"][jets["is_signal"]])[:, 3]
    assert np.median(top) == pytest.approx(172, abs=3)
    assert not jets["truth"][~jets["is_signal"]].any()
    top_tagging.write_jets(tmp_path / "train.h5", **jets)
    again = top_tagging.open_jets(tmp_path / "train.h5").read(("momentum",), 0, 101)["momentum"]
    np.testing.assert_array_equal(again, jets["momentum"])
    with pytest.raises(InputError, match="at least two jets"):
        top_tagging.stand_in(1, seed=1)


def test_description() -> None:
    text = datasets.describe("top_tagging")
    for word in ("2603256", "is_signal_new", "Pmu", "1211000"):
        assert word in text
