"""Showers of an endcap without a network: photons apart, hits in another order, nothing at all; jets of showers."""

import numpy as np
import pytest

from femtobarn.datasets.hgcalml import HitEvents, of_endcap
from femtobarn.evaluation.endcap.baselines import CLASSICAL, dbscan_finder
from femtobarn.evaluation.endcap.jets import jet_ratios, jet_rows
from femtobarn.evaluation.endcap.showers import Finder, Showers, compared, true_labels
from femtobarn.evaluation.endcap.tables import Outcome
from femtobarn.metrics.instances import match, overlaps
from femtobarn.simulate.endcap import Endcap, endcap_hits, gun

ENDCAP = Endcap(field=0.0)
SETTINGS = {
    "CLUE 3-D": {"distance": 20.0, "density": 0.5, "depth": 8.0},
    "CLUE by layers": {"distance": 20.0, "density": 0.5, "depth": 8.0},
    "DBSCAN": {"radius": 0.03, "least": 1.0},
    "anti-kT": {"radius": 0.1, "least": 1.0},
}


def _find(method: str) -> Finder:
    pytest.importorskip({"DBSCAN": "sklearn", "anti-kT": "fastjet"}.get(method, "numpy"))
    return CLASSICAL[method](**SETTINGS[method])


@pytest.fixture(scope="module")
def photons() -> HitEvents:
    """Two events of eight photons."""
    draw = np.random.default_rng(3)
    incoming = gun(2, ENDCAP, generator=draw, number=(8, 8), kinds=(22,), energy=(20.0, 60.0), eta=(1.8, 2.6))
    return of_endcap(endcap_hits(incoming, ENDCAP, generator=draw), ENDCAP)


@pytest.mark.parametrize("method", CLASSICAL)
def test_photons_apart_are_found_one_by_one(method: str, photons: HitEvents) -> None:
    event = photons.event(0)
    label = _find(method)(event)
    energy = event.hits[:, 0].astype(np.float64)
    found = match(overlaps(event.owner, label, energy))
    assert (found.iou > 0.7).all()
    order = np.random.default_rng(1).permutation(len(label))
    turned = event.hits[order]
    again = _find(method)(
        HitEvents(
            event.offset,
            turned,
            event.owner[order],
            event.of_object,
            event.energy,
            event.deposited,
            event.pdg,
        )
    )
    assert match(overlaps(label[order], again, energy[order])).iou.min() > 0.95


@pytest.mark.parametrize("method", CLASSICAL)
def test_no_hits_and_one_hit_are_events_too(method: str, photons: HitEvents) -> None:
    nothing = photons.take(np.array([], int))
    for count in (0, 1):
        label = _find(method)(
            HitEvents(
                np.array([0, count]), photons.hits[:count], np.full(count, -1), np.array([0, 0]),
                nothing.energy, nothing.deposited, nothing.pdg,
            )
        )  # fmt: skip
        assert label.shape == (count,)


def test_a_core_of_dbscan_has_enough_energy_around_it(photons: HitEvents) -> None:
    """Against the definition: hits within reach of a core belong to some cluster, all others to none."""
    pytest.importorskip("sklearn")
    event, radius, least = photons.event(1), 0.01, 0.5
    label = dbscan_finder(radius, least)(event)
    x, y, z = event.hits[:, 1:4].T.astype(np.float64)
    r = np.hypot(x, y)
    place = np.column_stack((np.arcsinh(z / r), x / r, y / r))
    near = np.linalg.norm(place[:, None] - place[None], axis=2) <= radius
    core = near @ event.hits[:, 0].astype(np.float64) >= least
    np.testing.assert_array_equal(label >= 0, (near & core[None]).any(axis=1))


# Jets


@pytest.fixture(scope="module")
def perfect(photons: HitEvents) -> Showers:
    """Showers of 200 to 600 GeV, found as they are."""
    showers = compared(photons, true_labels, None)
    showers = showers._replace(energy=10 * showers.energy)
    return showers._replace(found_energy=showers.energy, found_place=showers.place, found_event=showers.event)


def test_jets_of_the_truth_are_the_true_ones(perfect: Showers) -> None:
    pytest.importorskip("fastjet")
    np.testing.assert_allclose(jet_ratios(perfect), 1, rtol=1e-9)
    np.testing.assert_allclose(
        jet_ratios(perfect._replace(found_energy=0.8 * perfect.energy)), 0.8, rtol=1e-9
    )
    lost = perfect._replace(found_event=perfect.event + 2, events=4)  # right, but in other events
    assert len(jet_ratios(lost)) == len(jet_ratios(perfect)) > 0
    assert np.isnan(jet_ratios(lost)).all()


def test_jet_tables_count_those_that_are_found(perfect: Showers) -> None:
    pytest.importorskip("fastjet")
    many = Showers._make([np.concatenate([column] * 6) for column in perfect[:-1]] + [2 * 6])
    shift = np.repeat(2 * np.arange(6), len(perfect.event))
    many = many._replace(event=many.event + shift, found_event=many.found_event + shift)
    rows = {row.name: row for row in jet_rows("a", [Outcome({"method": "m"}, 1, {"a": many})], seed=1)}
    assert rows["jets found"].value == 1
    assert rows["jets found"].n == 6 * len(jet_ratios(perfect))
    assert rows["jet response"].value == pytest.approx(1)
    assert rows["jet resolution"].value == pytest.approx(0, abs=1e-9)
