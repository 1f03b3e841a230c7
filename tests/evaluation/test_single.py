"""One metric of two files: the numbers of the functions, for every kind of file."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn import metrics
from femtobarn.cli import execute
from femtobarn.data.hdf5 import write_hdf5
from femtobarn.datasets.jetnet import open_jets
from femtobarn.errors import InputError
from femtobarn.evaluation import single
from femtobarn.evaluation.single import METRICS, Options, metric
from femtobarn.physics.energy_flow import energy_flow_polynomials
from jet_files import write_toy_jets

Files = dict[str, Path]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray, Path, Path]:
    draw, folder = np.random.default_rng(1), tmp_path_factory.mktemp("features")
    x, y = draw.normal(size=(900, 4)), draw.normal(0.3, 1, size=(1000, 4))
    np.save(folder / "real.npy", x)
    np.savez(folder / "generated.npz", first=y[:, 0], rest=y[:, 1:])
    return x, y, folder / "real.npy", folder / "generated.npz"


@pytest.mark.parametrize(("name", "function"), [("fpd", metrics.fpd), ("kpd", metrics.kpd)])
def test_feature_files_give_the_numbers_of_the_arrays(
    name: str,
    function: object,
    features: tuple[np.ndarray, np.ndarray, Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y, real, generated = features
    monkeypatch.setattr(single, "_ROWS", 128)  # so that the files are read in pieces
    (found,) = metric(name, real, generated).values()
    expected = function(x, y)  # type: ignore[operator]
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    assert found.error == pytest.approx(expected.error, rel=1e-9)
    assert (found.n_real, found.n_generated) == (900, 1000)


def test_jets_are_compared_by_their_energy_flow(jet_files: Files) -> None:
    tables = [open_jets([jet_files[name]]).read(("particles", "mask"), 0, 9999) for name in ("real", "bad")]
    expected = metrics.fpd(*(energy_flow_polynomials(t["particles"], t["mask"]) for t in tables))
    (found,) = metric("fpd", jet_files["real"], jet_files["bad"]).values()
    assert found.value == pytest.approx(expected.value, rel=1e-9)


@pytest.mark.parametrize("name", ["w1", "cov"])
def test_metrics_of_jets(name: str, jet_files: Files) -> None:
    found = metric(name, jet_files["real"], jet_files["bad"], options=Options(jets=600, particles=8))
    assert all(np.isfinite((each.value, each.error, each.null)).all() for each in found.values())


def test_rows_are_drawn_by_the_seed_alone(features: tuple[np.ndarray, np.ndarray, Path, Path]) -> None:
    *_, real, generated = features
    values = [
        metric("prdc", real, generated, options=Options(jets=300, seed=s))["density"].value for s in (1, 1, 2)
    ]
    assert values[0] == values[1] != values[2]


def test_what_cannot_be_computed_is_told(
    jet_files: Files, features: tuple[np.ndarray, np.ndarray, Path, Path]
) -> None:
    *_, real, generated = features
    with pytest.raises(InputError, match="needs jets in JetNet's layout"):
        metric("w1", real, generated)
    with pytest.raises(InputError, match="did you mean fpd"):
        metric("fpdd", real, generated)
    with pytest.raises(InputError, match="--fpnd FOLDER"):
        metric("fpnd", jet_files["real"], jet_files["bad"])
    with pytest.raises(InputError, match="features"):
        metric("fpd", real, jet_files["bad"])


def test_columns_are_paired_by_name_and_not_by_place(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    real, generated = ({"mass": draw.normal(80, 5, 500), "pt": draw.normal(500, 40, 500)} for _ in range(2))
    np.savez(tmp_path / "real.npz", **real)
    np.savez(tmp_path / "same.npz", **generated)
    np.savez(tmp_path / "turned.npz", pt=generated["pt"], mass=generated["mass"])
    np.savez(tmp_path / "named.npz", pt=generated["pt"], girth=generated["mass"])
    for name in ("fpd", "kpd", "prdc"):
        same, turned = (
            metric(name, tmp_path / "real.npz", tmp_path / f"{each}.npz") for each in ("same", "turned")
        )
        assert [each.value for each in same.values()] == [each.value for each in turned.values()]
        with pytest.raises(InputError, match="only in one of them: girth, mass"):
            metric(name, tmp_path / "real.npz", tmp_path / "named.npz")


def test_jets_cut_to_other_numbers_of_particles_are_refused(tmp_path: Path, jet_files: Files) -> None:
    long = write_toy_jets(tmp_path / "long.hdf5", seed=4, count=700, particles=40)
    for name in ("fpd", "w1"):
        with pytest.raises(InputError, match=r"different numbers of particles: .* give --particles 30"):
            metric(name, jet_files["real"], long)
    found = metric("fpd", jet_files["real"], long, options=Options(particles=10))
    assert np.isfinite(found["FPD"].value)
    np.save(tmp_path / "x.npy", np.zeros((100, 36)))
    with pytest.raises(InputError, match="holds jets, the other file features"):
        metric("fpd", jet_files["real"], tmp_path / "x.npy")


def test_files_without_a_row_are_told(tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 3)))
    np.save(tmp_path / "some.npy", np.random.default_rng(1).normal(size=(300, 3)))
    for pair in (("none", "some"), ("some", "none")):
        for name in ("fpd", "prdc", "auc"):
            with pytest.raises(InputError, match=r"none\.npy: expected rows, got none"):
                metric(name, *(tmp_path / f"{each}.npy" for each in pair))
    empty = tmp_path / "none.hdf5"
    write_hdf5(empty, {"particle_features": np.zeros((0, 5, 4)), "jet_features": np.zeros((0, 4))}, {})
    with pytest.raises(InputError, match="expected jets, got none"):
        metric("fpd", empty, empty)


def test_the_command_prints_value_null_and_method(
    jet_files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["metric", "fpd", str(jet_files["real"]), str(jet_files["bad"])]) == 0
    said = capsys.readouterr().out
    for word in ("FPD: ", "null", "significance", "n = 1200 real, 1200 generated", "jackknife"):
        assert word in said


def test_help_names_every_metric(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        execute(["metric", "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(name in said for name in METRICS)


def test_fpnd_with_the_published_network(jet_files: Files, real_data: Path) -> None:
    options = Options(jets=400, fpnd=real_data / "jetnet_fpnd")
    found = metric("fpnd", jet_files["real"], jet_files["bad"], options=options)
    assert len(found) == 2
    assert all(each.value > 5 for each in found.values()), "jets from formulas are not those of JetNet"
