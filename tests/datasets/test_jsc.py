from pathlib import Path

import h5py
import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from femtobarn.data.source import Source, stream
from femtobarn.datasets import describe, jsc, summaries
from femtobarn.errors import InputError
from femtobarn.physics.jets import relative_mass
from femtobarn.physics.substructure import OBSERVABLES


def _words(text: str) -> list[str]:
    return text.split()


#: As in every published file with particle lists; the 17th particle feature has a name and no column.
JET_NAMES = _words(
    "ptfrac pt eta mass tau1_b1 tau2_b1 tau3_b1 tau1_b2 tau2_b2 tau3_b2 tau32_b1 tau32_b2 zlogz c1_b0 c1_b1 "
    "c1_b2 c2_b1 c2_b2 d2_b1 d2_b2 d2_a1_b1 d2_a1_b2 m2_b1 m2_b2 n2_b1 n2_b2 tau1_b1_mmdt tau2_b1_mmdt "
    "tau3_b1_mmdt tau1_b2_mmdt tau2_b2_mmdt tau3_b2_mmdt tau32_b1_mmdt tau32_b2_mmdt c1_b0_mmdt c1_b1_mmdt "
    "c1_b2_mmdt c2_b1_mmdt c2_b2_mmdt d2_b1_mmdt d2_b2_mmdt d2_a1_b1_mmdt d2_a1_b2_mmdt m2_b1_mmdt m2_b2_mmdt "
    "n2_b1_mmdt n2_b2_mmdt mass_trim mass_mmdt mass_prun mass_sdb2 mass_sdm1 multiplicity g q w z t undef"
)
PARTICLE_NAMES = _words(
    "px py pz e erel pt ptrel eta etarel etarot phi phirel phirot deltaR costheta costhetarel pdgid"
)


def _arrays(seed: int, jets: int = 7, particles: int = 12) -> dict[str, np.ndarray]:
    """What is in one published file, with random numbers."""
    g = np.random.default_rng(seed)
    table = g.normal(size=(jets, len(JET_NAMES))).astype(np.float32).astype(np.float64)
    table[:, -6:] = np.eye(6)[g.integers(0, 5, jets)]
    count = g.integers(1, particles + 1, jets)
    lists = g.normal(size=(jets, particles, 16)).astype(np.float32).astype(np.float64)
    lists[..., 5] = np.abs(lists[..., 5]) + 0.1
    lists[np.arange(particles) >= count[:, None]] = 0
    table[:, JET_NAMES.index("multiplicity")] = count
    return {
        "jets": table,
        "jetConstituentList": lists,
        "jetFeatureNames": np.array([f"j_{name}" for name in JET_NAMES], "S"),
        "particleFeatureNames": np.array([f"j1_{name}" for name in PARTICLE_NAMES], "S"),
        "jetImage": np.zeros((jets, 10, 10)),
    }


def _write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def _all(source: Source) -> dict[str, np.ndarray]:
    return source.read(source.columns, 0, len(source))


def test_particle_lists_as_published(tmp_path: Path) -> None:
    raw = _arrays(0)
    source = jsc.open_jets(_write(tmp_path / "jetImage_0_150p_0_10000.h5", raw))
    assert source.columns == ("features", "label", "jet", "particles", "mask")
    found = _all(source)
    columns = [JET_NAMES.index(name) for name in OBSERVABLES]
    np.testing.assert_array_equal(found["features"], raw["jets"][:, columns])
    np.testing.assert_array_equal(found["label"], raw["jets"][:, -6:].argmax(axis=1))
    np.testing.assert_array_equal(found["jet"], raw["jets"][:, [1, 2, 3, 52]])
    np.testing.assert_array_equal(found["mask"].sum(axis=1), raw["jets"][:, 52])
    np.testing.assert_array_equal(found["particles"], raw["jetConstituentList"][..., [8, 11, 6]])
    assert found["features"].dtype == found["particles"].dtype == np.float32


def test_fewer_particles_pieces_and_a_folder(tmp_path: Path) -> None:
    parts = [_arrays(1), _arrays(2)]
    for k, raw in enumerate(parts):
        _write(tmp_path / f"{k}.h5", raw)
    source = jsc.open_jets(tmp_path, particles=5)
    assert len(source) == 14
    whole = _all(source)
    lists = np.concatenate([raw["jetConstituentList"] for raw in parts])
    order = np.argsort(-lists[..., PARTICLE_NAMES.index("pt")], axis=1)[:, :5]  # they are not in order
    expected = np.take_along_axis(lists[..., 8], order, axis=1)
    np.testing.assert_array_equal(whole["particles"][..., 0], expected)
    pieces = list(stream(source, ("label", "mask"), rows=4))
    for name in ("label", "mask"):
        np.testing.assert_array_equal(np.concatenate([piece[name] for piece in pieces]), whole[name])


def test_files_without_particle_lists(tmp_path: Path) -> None:
    raw = _arrays(3)
    path = _write(tmp_path / "jets.h5", {name: raw[name] for name in ("jets", "jetFeatureNames")})
    assert jsc.open_jets(path).columns == ("features", "label", "jet")
    with pytest.raises(InputError, match="expected lists of particles"):
        jsc.open_jets(path, particles=3)


def test_the_table_of_observables(tmp_path: Path) -> None:
    raw = _arrays(4)["jets"]
    fields = [(f"j_{name}", np.float32) for name in JET_NAMES]
    table = np.array([tuple(row) for row in raw], fields)
    found = _all(jsc.open_jets(_write(tmp_path / "processed_truth.z", {"t_allpar_new": table})))
    np.testing.assert_array_equal(
        found["features"][:, 0], raw[:, JET_NAMES.index("zlogz")].astype(np.float32)
    )
    np.testing.assert_array_equal(found["label"], raw[:, -6:].argmax(axis=1))


def test_openml_arrays_in_any_order() -> None:
    g = np.random.default_rng(0)
    data, target = g.normal(size=(6, 16)), np.array(["t", "g", "w", "q", "z", "g"], dtype=object)
    order = g.permutation(16)
    plain = _all(jsc.from_openml(data, target))
    mixed = _all(jsc.from_openml(data[:, order], target, names=[OBSERVABLES[k] for k in order]))
    assert plain["label"].tolist() == [4, 0, 2, 1, 3, 0]
    np.testing.assert_array_equal(plain["features"], data.astype(np.float32))
    np.testing.assert_array_equal(mixed["features"], plain["features"])
    with pytest.raises(InputError, match="got 'h'"):
        jsc.from_openml(data[:1], np.array(["h"]))
    with pytest.raises(InputError, match="jet 2: expected finite"):
        jsc.from_openml(np.where(np.arange(6)[:, None] == 2, np.nan, data), target)
    with pytest.raises(InputError, match="no column 'zlogz'"):
        jsc.from_openml(data, target, names=("zlog", *OBSERVABLES[1:]))


@pytest.mark.parametrize("n", [10, 97, 1000])
def test_published_split_is_that_of_scikit_learn(n: int) -> None:
    train, test = train_test_split(np.arange(n), test_size=0.2, random_state=42)
    ours = jsc.published_split(n)
    np.testing.assert_array_equal(ours[0], train)
    np.testing.assert_array_equal(ours[1], test)


def _without_a_class(raw: dict[str, np.ndarray]) -> None:
    raw["jets"][3, -6:] = 0


def _not_finite(raw: dict[str, np.ndarray]) -> None:
    raw["jets"][3, JET_NAMES.index("c2_b1_mmdt")] = np.nan


def _another_name(raw: dict[str, np.ndarray]) -> None:
    raw["jetFeatureNames"] = np.char.replace(raw["jetFeatureNames"], b"zlogz", b"zlog")


def _fewer_features(raw: dict[str, np.ndarray]) -> None:
    raw["jets"] = raw["jets"][:, :-1]


def _flat_lists(raw: dict[str, np.ndarray]) -> None:
    raw["jetConstituentList"] = raw["jetConstituentList"][..., 0]


def _no_names(raw: dict[str, np.ndarray]) -> None:
    del raw["jetFeatureNames"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_without_a_class, "row 3: expected one class of jet, got j_g 0"),
        (_not_finite, "row 3: expected finite numbers in features"),
        (_another_name, "no column 'j_zlogz'; did you mean j_zlog"),
        (_fewer_features, "expected jets of 59 named features"),
        (_flat_lists, "expected jetConstituentList of at least"),
        (_no_names, "expected a table t_allpar_new, or jets with jetFeatureNames"),
    ],
)
def test_a_spoilt_file_is_named(tmp_path: Path, spoil, told: str) -> None:
    raw = _arrays(5)
    spoil(raw)
    path = _write(tmp_path / "spoilt.h5", raw)
    with pytest.raises(InputError, match=f"spoilt.h5.*{told}"):
        _all(jsc.open_jets(path))


def test_missing_empty_and_cut_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        jsc.open_jets(tmp_path / "no.h5")
    with pytest.raises(InputError, match="no file that ends in"):
        jsc.open_jets(tmp_path)
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF\r\n")
    with pytest.raises(InputError, match="cut short"):
        jsc.open_jets(tmp_path / "cut.h5")
    with pytest.raises(InputError, match=r"at least \(7, 20, 12\), got \(7, 12, 16\)"):
        jsc.open_jets(_write(tmp_path / "few.h5", _arrays(6)), particles=20)
    with pytest.raises(InputError, match="at least one file"):
        jsc.open_jets([])


def test_it_is_described() -> None:
    assert jsc.SUMMARY in summaries()
    text = describe("jsc")
    assert all(name in text for name in (*OBSERVABLES, "3602260", "t_allpar_new"))
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.slow
def test_stand_in() -> None:
    small = _all(jsc.stand_in(20, seed=3, workers=1))
    large = _all(jsc.stand_in(300, seed=3, workers=2))
    for name, array in small.items():
        np.testing.assert_array_equal(array, large[name][:20])
    assert np.bincount(large["label"]).tolist() == [60] * 5
    features = dict(zip(OBSERVABLES, large["features"].T, strict=True))
    np.testing.assert_array_equal(features["multiplicity"], large["jet"][:, 3])
    mass = {name: np.median(features["mass_mmdt"][large["label"] == k]) for k, name in enumerate(jsc.CLASSES)}
    assert 70 < mass["w"] < 90
    assert mass["w"] < mass["z"] < 100
    assert 150 < mass["t"] < 190
    peak = {
        name: np.mean(abs(features["mass_mmdt"][large["label"] == k] - mass["w"]) < 10)
        for k, name in enumerate(jsc.CLASSES)
    }
    assert peak["w"] > 0.6
    assert max(peak["g"], peak["q"], peak["t"]) < 0.25
    many = {name: features["multiplicity"][large["label"] == k].mean() for k, name in enumerate(jsc.CLASSES)}
    assert many["q"] < many["g"]
    # The particles that are given lack their own masses and their soft neighbours.
    ratio = relative_mass(large["particles"], large["mask"]) * large["jet"][:, 0] / large["jet"][:, 2]
    assert ratio.max() < 1 + 1e-5
    assert np.median(ratio) > 0.9


def test_stand_in_refuses_nothing() -> None:
    with pytest.raises(InputError, match="at least one jet"):
        jsc.stand_in(0, seed=1)
