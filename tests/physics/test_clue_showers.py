"""Showers of an endcap by CLUE, and the energy of clusters: on simulated particles that lie apart."""

import numpy as np
import pytest

from femtobarn.datasets.hgcalml import HitEvents, of_endcap
from femtobarn.errors import InputError
from femtobarn.metrics.instances import match, overlaps
from femtobarn.physics.clue_showers import clue_layers, clue_showers, large_only
from femtobarn.physics.cluster_energy import cluster_energy, cluster_features, fit_energy
from femtobarn.simulate.endcap import Endcap, endcap_hits, gun

ENDCAP = Endcap(field=0.0)


def _event(
    kinds: tuple[int, ...], number: int, seed: int, energy: tuple[float, float] = (20.0, 60.0)
) -> HitEvents:
    draw = np.random.default_rng(seed)
    incoming = gun(
        1, ENDCAP, generator=draw, number=(number, number), kinds=kinds, energy=energy, eta=(1.8, 2.6)
    )
    return of_endcap(endcap_hits(incoming, ENDCAP, generator=draw), ENDCAP)


@pytest.mark.parametrize("find", [clue_showers, clue_layers])
def test_photons_apart_are_found_one_by_one(find: type[clue_showers]) -> None:
    event = _event((22,), 8, 3)
    energy, x, y, z = event.hits[:, :4].T.astype(float)
    place = np.column_stack((x, y)) * (ENDCAP.face / z)[:, None]
    layer = np.interp(z, ENDCAP.z, np.arange(ENDCAP.layers))
    label = find(place, layer, energy, distance=20.0, density=1.0)
    found = match(overlaps(event.owner, label, energy))
    assert (found.iou > 0.7).all()
    assert (found.true_of >= 0).sum() == 8
    assert np.bincount(label[label >= 0]).min() >= 3
    order = np.random.default_rng(1).permutation(len(energy))
    again = find(place[order], layer[order], energy[order], distance=20.0, density=1.0)
    assert match(overlaps(label[order], again, energy[order])).iou.min() == pytest.approx(1.0)


def test_small_clusters_are_dropped_and_the_others_counted_anew() -> None:
    label = np.array([0, 1, 1, 1, 2, 2, -1, 3, 3, 3, 3])
    assert large_only(label).tolist() == [-1, 0, 0, 0, -1, -1, -1, 1, 1, 1, 1]
    assert large_only(np.full(3, -1)).tolist() == [-1, -1, -1]


def test_energies_of_other_particles_come_out_right() -> None:
    """Fitted on true clusters of some events, photons and hadrons together, and asked for those of others."""

    def clusters(seeds: range) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        events = [_event((22, 211), 10, seed, (2.0, 100.0)) for seed in seeds]
        features = np.concatenate([cluster_features(e.hits, e.owner) for e in events])
        return features, np.concatenate([e.energy for e in events]), np.concatenate([e.pdg for e in events])

    features, true, _ = clusters(range(20))
    weights = fit_energy(features, true)
    features, true, pdg = clusters(range(20, 40))
    ratio = cluster_energy(features, weights) / true
    for kind, width in ((22, 0.35), (211, 0.9)):
        assert np.median(ratio[pdg == kind]) == pytest.approx(1.0, abs=0.12)
        low, high = np.quantile(ratio[pdg == kind], (0.25, 0.75))
        assert high - low < width
    with pytest.raises(InputError, match="0 clusters"):
        fit_energy(features[:0], true[:0])
