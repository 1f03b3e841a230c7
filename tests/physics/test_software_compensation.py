"""Software compensation: energy kept by the spectrum of cells, hadrons measured better."""

import math

import torch

from cell_batches import cell_batch, hadrons
from femtobarn.physics import software_compensation as compensation


def test_the_spectrum_of_cells_keeps_the_energy_and_knows_bright_from_faint() -> None:
    cells = cell_batch(5)["ecal"]
    logs = torch.linspace(-5, 1, 12)
    found = compensation.spectrum(cells, logs)
    torch.testing.assert_close(found.sum(dim=1), cells.sum(dim=(1, 2, 3)), rtol=1e-4, atol=1e-4)
    one = torch.zeros(2, 3, 3, 2)
    one[0, 1, 1, 0], one[1, 0, 0, 1] = math.exp(logs[3]), math.exp((logs[3] + logs[4]) / 2)
    expected = torch.zeros(2, 12)
    expected[0, 3], expected[1, 3:5] = one[0, 1, 1, 0], one[1, 0, 0, 1] / 2
    torch.testing.assert_close(compensation.spectrum(one, logs), expected, rtol=1e-4, atol=1e-6)
    assert torch.equal(compensation.spectrum(torch.zeros(2, 3, 3, 2), logs), torch.zeros(2, 12))


def test_compensation_weighs_bright_and_faint_cells() -> None:
    train, test = hadrons(1000, 0), hadrons(500, 1)
    found = [compensation.columns(each["ecal"], each["hcal"]) for each in (train, test)]
    assert found[0].shape == (1000, compensation.COLUMNS)
    weights = compensation.fit(found[0], train["sums"].sum(dim=1), train["energy"])
    better = test["sums"].sum(dim=1) + found[1].double() @ weights
    before, after = ((each / test["energy"]).std() for each in (test["sums"].sum(dim=1), better))
    assert after < 0.3 * before
