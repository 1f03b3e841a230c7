"""Awkward records in and out: the same particles as arrays give, in whatever coordinates they come."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from femtobarn import metrics
from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.evaluation.jet_scores import Scoring
from femtobarn.evaluation.jets import JetEvaluation, evaluate_jets
from femtobarn.physics import records
from femtobarn.physics.clustering import anti_kt
from femtobarn.physics.energy_flow import energy_flow_polynomials
from femtobarn.physics.jets import relative_mass
from femtobarn.physics.vectors import cartesian, delta_phi
from femtobarn.simulate.toy_jets import toy_jets

awkward = pytest.importorskip("awkward")
vector = pytest.importorskip("vector")
NAMES = ("pt", "eta", "phi", "mass")


def _particles(jets: int, *, seed: int = 1, most: int = 12) -> tuple[list[dict[str, float]], Any]:
    """Rows (pt, eta, phi, mass) and how many each jet has; one jet in five has none but one particle."""
    draw = np.random.default_rng(seed)
    count = draw.integers(1, most, jets)
    axis = np.repeat(
        np.stack((draw.normal(0, 1.5, jets), draw.uniform(-np.pi, np.pi, jets)), axis=1), count, axis=0
    )
    spread = axis + draw.normal(0, 0.2, axis.shape)
    spread[:, 1] = delta_phi(spread[:, 1], 0.0)
    rows = np.column_stack(
        (draw.exponential(20, len(axis)) + 0.5, spread, draw.choice([0.0, 0.14], len(axis)))
    )
    return rows, count


def _awkward(rows: np.ndarray, count: np.ndarray, **how: Any) -> Any:
    columns = dict(zip(NAMES, rows.T, strict=True))
    return awkward.unflatten(awkward.zip(columns, **how), count)


def test_there_and_back_is_the_same() -> None:
    rows, count = _particles(50)
    made = _awkward(rows, count)
    momentum, mask = records.padded(made)
    assert (np.diff(np.where(mask, momentum[..., 0], -1), axis=1) <= 0).all(), "the hardest first"
    for again in (records.of_padded(momentum, mask), records.of_flat(*records.flat(made))):
        np.testing.assert_array_equal(awkward.num(again), count)
        for name in NAMES:
            found, wanted = (awkward.sort(each[name], axis=1) for each in (again, made))
            np.testing.assert_allclose(awkward.flatten(found), awkward.flatten(wanted), atol=1e-4)


def test_records_can_be_written_as_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    rows, count = _particles(5)
    made = records.of_padded(*records.padded(_awkward(rows, count)))
    awkward.to_parquet(awkward.Array({name: made[name] for name in made.fields}), tmp_path / "jets.parquet")
    again = awkward.from_parquet(tmp_path / "jets.parquet")
    np.testing.assert_array_equal(awkward.flatten(again.pt), awkward.flatten(made.pt))


def test_any_coordinates_that_vector_knows_are_the_same_particles() -> None:
    rows, count = _particles(20)
    energy, px, py, pz = cartesian(rows).T
    other = awkward.unflatten(awkward.zip({"px": px, "py": py, "pz": pz, "E": energy}), count)
    wanted = records.padded(_awkward(rows, count)).momentum
    np.testing.assert_allclose(records.padded(other).momentum, wanted, atol=1e-4)
    behaved = vector.Array(other)  # knows pt, and has no such field
    np.testing.assert_allclose(records.padded(behaved).momentum, wanted, atol=1e-4)


def test_what_comes_out_has_the_methods_of_vector() -> None:
    vector.register_awkward()
    rows, count = _particles(20)
    made = records.of_padded(*records.padded(_awkward(rows, count)))
    mass = np.asarray(awkward.sum(made, axis=1).mass)
    energy, px, py, pz = np.add.reduceat(cartesian(rows), np.concatenate(([0], np.cumsum(count)[:-1]))).T
    np.testing.assert_allclose(mass, np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0)), atol=1e-5)


def test_metrics_take_records_as_they_take_arrays() -> None:
    samples = [_awkward(*_particles(400, seed=seed)) for seed in (1, 2)]
    arrays = [records.relative(each) for each in samples]
    assert metrics.w1m(*samples, batch=300).value == metrics.w1m(*arrays, batch=300).value
    draws = (np.random.default_rng(1) for _ in range(2))
    found = [
        metrics.coverage_mmd(*pair, sample=50, batches=2, generator=next(draws)) for pair in (samples, arrays)
    ]
    assert found[0] == found[1]


def test_relative_particles_are_massless_sums_of_their_jet() -> None:
    """In units of the jet the particles balance: no momentum across its axis, and one along it."""
    rows, count = _particles(30)
    particles, _ = records.relative(_awkward(rows, count))
    _, phi, pt = np.moveaxis(particles, -1, 0)
    np.testing.assert_allclose((pt * np.sin(phi)).sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose((pt * np.cos(phi)).sum(axis=1), 1, atol=1e-9)
    few, some = records.relative(_awkward(rows, count), most=3)
    assert some.sum() == np.minimum(count, 3).sum()
    np.testing.assert_array_equal(few, particles[:, :3], "relative to the whole jet")


def test_flat_records_are_clustered() -> None:
    jets = _awkward(*_particles(10))
    momentum, offset = records.flat(jets)
    found = anti_kt(momentum, offset, radius=0.8, min_pt=1.0)
    assert 5 < len(found.momentum) <= 10, "jets that overlap are one"
    assert energy_flow_polynomials(*records.relative(jets)).shape == (10, 36)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: _awkward(*_particles(4))[0], "two levels"),
        (lambda: awkward.Array([[{"pt": 1.0, "eta": 0.0}]]), "other coordinates that vector knows"),
        (
            lambda: awkward.Array(
                [[{"pt": 1.0, "eta": 0.0, "phi": 0.0}, {"pt": None, "eta": 0.0, "phi": 0.0}]]
            ),
            "expected pt of every",
        ),
        (lambda: awkward.Array([[[{"pt": 1.0, "eta": 0.0, "phi": 0.0}]]]), "awkward.flatten"),
    ],
)
def test_records_that_are_no_particles_are_one_line(made: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        records.padded(made())
    assert "\n" not in str(caught.value)


def _nano(events: int, *, seed: int) -> Any:
    """Made-up NanoAOD with behaviours, as coffea's NanoEvents: jets of events, and each with its constituents."""
    vector.register_awkward()
    rows, count = _particles(3 * events, seed=seed)
    candidates = _awkward(rows, count, with_name="Momentum4D")
    jets = awkward.sum(candidates, axis=1)
    fat = awkward.zip(
        {"pt": jets.pt, "eta": jets.eta, "phi": jets.phi, "mass": jets.mass, "constituents": candidates},
        with_name="Momentum4D", depth_limit=1,
    )  # fmt: skip
    return awkward.zip({"FatJet": awkward.unflatten(fat, np.full(events, 3))}, depth_limit=1)


def test_events_of_nanoaod_are_evaluated(tmp_path: Path) -> None:
    for name, seed in (("real", 1), ("generated", 2)):
        jets = awkward.flatten(_nano(100, seed=seed).FatJet.constituents, axis=1)
        jetnet.write_records(tmp_path / f"{name}.h5", jets, particles=10)
    table = jetnet.open_jets(tmp_path / "real.h5").read(("particles", "mask", "jet"), 0, 300)
    fat = awkward.flatten(_nano(100, seed=1).FatJet, axis=1)
    np.testing.assert_allclose(table["jet"][:, 0], fat.pt, rtol=1e-5)
    np.testing.assert_allclose(table["jet"][:, 2], fat.mass, rtol=1e-3, atol=1e-3)
    settings = JetEvaluation(workers=1, scoring=Scoring(manifolds=False, matching=False))
    run = evaluate_jets(
        tmp_path / "real.h5",
        [tmp_path / "generated.h5"],
        settings=settings,
        out=tmp_path / "runs",
        progress=False,
    )
    assert {"FPD", "W1-M"} <= {label for result in run.results() for label in result.labels.values()}


def test_a_jet_without_particles_is_refused(tmp_path: Path) -> None:
    rows, count = _particles(3)
    with pytest.raises(InputError, match="jet 3: expected at least one particle"):
        jetnet.write_records(tmp_path / "x.h5", _awkward(rows, np.append(count, 0)))


def test_coffea_itself(tmp_path: Path) -> None:
    """NanoEvents of a file that uproot wrote."""
    nanoevents = pytest.importorskip("coffea.nanoevents")
    uproot = pytest.importorskip("uproot")
    rows, count = _particles(40)
    columns = {
        f"Jet_{name}": awkward.unflatten(column.astype(np.float32), count)
        for name, column in zip(NAMES, rows.T, strict=True)
    }
    with uproot.recreate(tmp_path / "nano.root") as file:
        file["Events"] = columns
    events = nanoevents.NanoEventsFactory.from_root(
        {str(tmp_path / "nano.root"): "Events"}, schemaclass=nanoevents.NanoAODSchema, mode="eager"
    ).events()
    np.testing.assert_allclose(
        records.padded(events.Jet).momentum, records.padded(_awkward(rows, count)).momentum, atol=1e-4
    )


def test_toy_jets_as_records_have_the_same_mass() -> None:
    (eta, phi, pt), mask = _toys(20)
    made = records.of_padded(np.stack((pt, eta, phi, 0 * pt), axis=-1), mask)
    whole = np.hypot((pt * np.cos(phi)).sum(axis=1), (pt * np.sin(phi)).sum(axis=1))
    wanted = relative_mass(np.stack((eta, phi, pt), axis=-1), mask) / whole
    np.testing.assert_allclose(relative_mass(*records.relative(made)), wanted, rtol=1e-6)


def _toys(count: int) -> tuple[np.ndarray, np.ndarray]:
    particles, mask = toy_jets("t", count, generator=np.random.default_rng(1))
    return np.moveaxis(np.where(mask[..., None], particles, 0).astype(float), -1, 0), mask
