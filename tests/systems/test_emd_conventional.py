import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.nn.wafer_autoencoder import BITS
from femtobarn.simulate.toy_wafers import toy_wafers
from femtobarn.systems.emd_compression import conventional


@pytest.fixture(scope="module")
def charge() -> torch.Tensor:
    return torch.from_numpy(toy_wafers(2000, generator=np.random.default_rng(0))["charge"])


def test_best_choice_fits_the_frame_and_one_more_cell_would_not(charge: torch.Tensor) -> None:
    for links, cells in conventional.CELLS_SENT.items():
        assert conventional.best_choice(charge.numpy(), cells=cells).bits.max() <= 32 * links
        assert conventional.best_choice(charge.numpy(), cells=cells + 1).bits.max() > 32 * links
        assert conventional.HEADER_BITS + 16 * BITS[links] <= 32 * links


def test_best_choice_keeps_the_largest(charge: torch.Tensor) -> None:
    q = charge.numpy()
    kept = conventional.best_choice(q, cells=5).charge
    assert np.all((kept > 0).sum(1) <= 5)
    smallest_kept = np.where(kept > 0, q, np.inf).min(1)
    largest_lost = np.where(kept > 0, 0, q).max(1)
    assert np.all(largest_lost <= smallest_kept)
    assert np.all((kept <= q) & (kept > q * (1 - 1 / 8)) | (kept == 0))


@pytest.mark.parametrize("size", [4, 16])
def test_super_trigger_cells_keep_the_sum_of_each_group(charge: torch.Tensor, size: int) -> None:
    q = charge.numpy()
    sent = conventional.super_trigger_cells(q, size=size).charge
    groups = {4: conventional.GROUPS_OF_4, 16: conventional.GROUPS_OF_16}[size]
    assert sorted(groups.ravel()) == list(range(48))
    before, after = q[:, groups].sum(2), sent[:, groups].sum(2)
    assert np.all((after <= before) & (after >= before * (1 - 1 / 16) - 1))
    assert np.all((sent[:, groups] > 0).sum(2) <= 1)


def test_threshold_pays_for_each_cell(charge: torch.Tensor) -> None:
    q = charge.numpy()
    sent = conventional.threshold(q, counts=50)
    number = (q > 50).sum(1)
    np.testing.assert_array_equal((sent.charge > 0).sum(1), number)
    np.testing.assert_array_equal(sent.bits, 12 + np.minimum(6 * number, 48) + 7 * number)


@given(charge=st.integers(0, 2**22), exponent=st.integers(3, 5), mantissa=st.integers(2, 5))
def test_float_format_is_representable_and_near(charge: int, exponent: int, mantissa: int) -> None:
    q = np.array([float(charge)])
    sent = conventional.float_format(q, exponent=exponent, mantissa=mantissa)
    codes = {
        m * 2 ** max(e - 1, 0) + (2**mantissa * 2 ** (e - 1) if e else 0)
        for e in range(2**exponent)
        for m in range(2**mantissa)
    }
    assert sent[0] in codes
    assert sent[0] == max(c for c in codes if c <= charge)
