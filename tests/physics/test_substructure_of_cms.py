"""Our observables of CMS jets beside what CMS's own reconstruction stored for the same jets."""

from pathlib import Path

import numpy as np
import pytest
import uproot

from femtobarn.physics.energy_correlators import energy_correlators
from femtobarn.physics.n_subjettiness import n_subjettiness
from femtobarn.physics.soft_drop import soft_drop
from femtobarn.physics.vectors import cartesian, invariant_mass, rapidity

STORED = ("tau1", "tau2", "tau3", "tau4", "n2b1", "msoftdrop", "mass", "rawFactor")


@pytest.fixture(scope="module")
def jets(real_data: Path) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """24 AK8 jets: (E, px, py, pz) of their candidates times the PUPPI weight, mask, stored observables."""
    names = [f"PFCands_{name}" for name in ("pt", "eta", "phi", "mass", "puppiWeight")]
    links = ["FatJetPFCands_pFCandsIdx", "FatJetPFCands_jetIdx"]
    with uproot.open(real_data / "cms_pfnano" / "pfnano.root") as file:
        table = file["Events"].arrays([*names, *links, *(f"FatJet_{name}" for name in STORED)], library="np")
    lists = []
    for *candidates, which, owner, mass in zip(
        *(table[k] for k in (*names, *links, "FatJet_mass")), strict=True
    ):
        columns = np.stack([column.astype(np.float64) for column in candidates], axis=-1)
        momentum = cartesian(columns[:, :4]) * columns[:, 4:]
        lists += [momentum[which[(owner == jet) & (columns[which, 4] > 0)]] for jet in range(len(mass))]
    mask = np.arange(max(map(len, lists))) < np.array([len(each) for each in lists])[:, None]
    padded = np.zeros((*mask.shape, 4))
    padded[mask] = np.concatenate(lists)
    return padded, mask, {name: np.concatenate(table[f"FatJet_{name}"]) for name in STORED}


def test_mass(jets) -> None:
    momentum, _, stored = jets
    expected = stored["mass"] * (1 - stored["rawFactor"])
    np.testing.assert_allclose(invariant_mass(momentum.sum(axis=1)), expected, rtol=3e-3)


def test_n_subjettiness(jets) -> None:
    momentum, mask, stored = jets
    tau = n_subjettiness(momentum, mask)
    ratio = tau / np.stack([stored[f"tau{n}"] for n in (1, 2, 3, 4)], axis=1)
    # The stored numbers, and the candidates, are rounded; now and then another minimum is nearest.
    assert np.median(abs(ratio - 1), axis=0).max() < 2e-3
    assert abs(ratio - 1).max() < 0.1


def test_n2_of_the_groomed_jet(jets) -> None:
    momentum, mask, stored = jets
    left = soft_drop(momentum, mask)
    pt, phi = (
        np.hypot(left.momentum[..., 1], left.momentum[..., 2]),
        np.arctan2(*left.momentum[..., 2:0:-1].T).T,
    )
    found = energy_correlators(np.stack((rapidity(left.momentum), phi, pt), axis=-1), left.mask).n2
    defined = stored["n2b1"] > 0
    assert defined.sum() >= 20
    np.testing.assert_allclose(found[defined], stored["n2b1"][defined], rtol=0.06)
    assert np.median(abs(found / stored["n2b1"] - 1)[defined]) < 3e-3


def test_groomed_mass_without_the_correction_of_its_subjets(jets) -> None:
    momentum, mask, stored = jets
    found, expected = soft_drop(momentum, mask).mass, stored["msoftdrop"]
    heavy = expected > 10
    assert heavy.sum() >= 15
    assert (expected[heavy] / found[heavy] > 1.05).all()
    assert (expected[heavy] / found[heavy] < 1.16).all()
