"""Pairs of jets from collisions in the detector, and from formulas."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.jet_pairs import jet_axes
from femtobarn.simulate import jet_pairs as made
from femtobarn.simulate.jet_pairs import PairSample, measured_again, simulated_pairs, toy_pairs


@pytest.mark.slow
@pytest.mark.parametrize("pileup", [0.0, 5.0])
def test_nearly_every_generated_jet_has_a_partner(pileup: float, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")
    monkeypatch.setattr(made, "_POOL", 50)
    sample = PairSample(pileup=pileup)
    pairs = simulated_pairs(sample, 60, seed=1, workers=1)
    assert len(pairs) > 0.9 * pairs.wanted > 30
    before, after = jet_axes(pairs.generated), jet_axes(pairs.reconstructed)
    assert before[:, 0].min() > 0.9 * 150, "the hardest 50 particles carry nearly all"
    assert 0.8 < np.median(after[:, 0] / before[:, 0]) < 1.2
    assert pairs.event.max() < 60
    assert (pairs.reconstructed.mask.sum(axis=1) > 0).all()
    again = simulated_pairs(sample, 60, seed=1, workers=1)
    np.testing.assert_array_equal(pairs.reconstructed.momentum, again.reconstructed.momentum)


@pytest.mark.slow
def test_jets_measured_again_are_the_same_jets() -> None:
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")
    again = measured_again(PairSample(), 4, 6, seed=2)
    assert again.wanted == 24
    for event in np.unique(again.event):
        rows = again.event == event
        assert np.ptp(again.generated.momentum[rows], axis=0).max() == 0
        assert jet_axes(again.reconstructed)[rows, 0].std() > 0


def test_toy_pairs_lose_and_smear() -> None:
    pairs = toy_pairs(300, particles=40, generator=np.random.default_rng(1))
    before, after = jet_axes(pairs.generated), jet_axes(pairs.reconstructed)
    assert ((before[:, 0] > 100) & (before[:, 0] < 501)).all()
    ratio = pairs.reconstructed.mask.sum(axis=1) / pairs.generated.mask.sum(axis=1)
    assert 0.4 < ratio.mean() < 0.9
    assert (pairs.reconstructed.mask.any(axis=1)).all()
    assert 0.85 < np.median(after[:, 0] / before[:, 0]) < 1.0


def test_too_much_pileup_for_the_pool_is_refused() -> None:
    with pytest.raises(InputError, match="a mean of 0 to 100 collisions"):
        PairSample(pileup=200.0)
