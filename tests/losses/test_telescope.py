import numpy as np
import pytest
import torch

from femtobarn.losses.telescope import GROUPS, telescope_mse, weighted_mse
from femtobarn.physics import wafer


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, 48, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_groups_are_36_different_sets_of_four_touching_cells() -> None:
    assert len({tuple(sorted(cells)) for cells, _ in GROUPS}) == 36
    for cells, _ in GROUPS:
        assert len(set(cells)) == 4
        touching = sum(a in wafer.neighbours()[b] for a in cells for b in cells) // 2
        assert touching == 5  # two triangles with a common side
        assert wafer.distances()[np.ix_(cells, cells)].max() <= np.sqrt(12) + 1e-12


def test_weights_follow_their_rule_but_for_a_misplaced_bracket_in_the_middle() -> None:
    entered = np.zeros(48)
    for cells, _ in GROUPS:
        entered[list(cells)] += 1
    rule = np.array([(1 / entered[list(cells)]).sum() / 4 for cells, _ in GROUPS])
    assert rule.sum() == pytest.approx(12)
    published = np.array([weight for _, weight in GROUPS])
    middle = np.array([not {3, 19, 35}.isdisjoint(cells) for cells, _ in GROUPS])
    assert middle.sum() == 6
    np.testing.assert_allclose(published[~middle], rule[~middle], rtol=1e-12)
    np.testing.assert_allclose(published[middle], 0.25 + (4 * rule[middle] - 1), rtol=1e-12)


def test_one_cell_alone_in_closed_form() -> None:
    """An output of zero against charge q in one cell: every scale sees q^3."""
    q = 1.7
    for cell in range(48):
        target = torch.zeros(48, dtype=torch.float64)
        target[cell] = q
        groups = sum(weight for cells, weight in GROUPS if cell in cells)
        expected = q**3 * (4 / 48 + 2 * groups / 36 + 1 / 3)
        assert float(telescope_mse(torch.zeros_like(target), target)) == pytest.approx(expected, rel=1e-12)


def test_moving_charge_is_cheaper_the_nearer_it_lands() -> None:
    target, near, across, far = torch.zeros(4, 48, dtype=torch.float64)
    target[0] = near[5] = across[31] = far[47] = 1.0
    losses = [float(telescope_mse(output, target)) for output in (near, across, far)]
    assert losses == sorted(losses)
    assert losses[0] < losses[1] < losses[2]


def test_losses_are_symmetric_zero_for_equal_and_of_third_degree() -> None:
    a, b = images(2, 5)
    for loss in (weighted_mse, telescope_mse):
        assert loss(a, b).shape == (5,)
        torch.testing.assert_close(loss(a, b), loss(b, a))
        assert float(loss(a, a).abs().max()) == 0
        torch.testing.assert_close(loss(2 * a, 2 * b), 8 * loss(a, b))


def test_weighted_mse_by_hand() -> None:
    output, target = torch.tensor([1.0, 0.0, 3.0]), torch.tensor([1.0, 2.0, 1.0])
    assert float(weighted_mse(output, target)) == pytest.approx((0 + 4 * 2 + 4 * 3) / 3)


def test_gradients() -> None:
    output, target = images(2, 3)
    assert torch.autograd.gradcheck(telescope_mse, (output.requires_grad_(), target))
    assert torch.autograd.gradcheck(weighted_mse, (output, target))


def test_float32_stays_float32_and_agrees() -> None:
    a, b = images(2, 4, seed=1)
    single = telescope_mse(a.float(), b.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), telescope_mse(a, b), rtol=1e-5, atol=1e-6)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises((ValueError, TypeError), match="48"):
        telescope_mse(torch.ones(2, 47), torch.ones(2, 47))
    with pytest.raises((ValueError, TypeError), match="target"):
        weighted_mse(torch.ones(2, 4), torch.ones(2, 5))
