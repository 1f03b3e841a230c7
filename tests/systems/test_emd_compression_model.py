import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers
from femtobarn.systems.emd_compression import conventional
from femtobarn.systems.emd_compression.model import (
    BITS,
    Autoencoder,
    Decoder,
    Encoder,
    LargeDecoder,
    normalise,
    transmitted_sum,
)


@pytest.fixture(scope="module")
def charge() -> torch.Tensor:
    return torch.from_numpy(toy_wafers(2000, generator=np.random.default_rng(0))["charge"])


def _conditions(charge: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full((len(charge),), 2.0), torch.full((len(charge),), 9.0)


def test_sizes_are_the_published_ones() -> None:
    def count(m: torch.nn.Module) -> int:
        return sum(p.numel() for p in m.parameters())

    assert count(Encoder()) == 2144
    assert count(Decoder()) == 2833


def test_normalised_wafer_sums_to_between_one_and_two(charge: torch.Tensor) -> None:
    total = normalise(charge).sum(1)
    assert torch.all((total >= 1) & (total < 2))
    ratio = charge.sum(1) / total
    assert torch.equal(torch.frexp(ratio)[0], torch.full_like(ratio, 0.5)), "the divisor is a power of two"
    assert normalise(torch.zeros(1, 48)).sum() == 0


@given(total=st.integers(0, 2**24))
def test_transmitted_sum_is_cut_by_less_than_an_eighth(total: int) -> None:
    sent = float(transmitted_sum(torch.tensor([float(total)]))[0])
    assert total * 7 / 8 <= sent <= total
    if total < 16:
        assert sent == total


@pytest.mark.parametrize("bits", BITS.values())
def test_integer_encoder_equals_the_torch_encoder_on_every_wafer(charge: torch.Tensor, bits: int) -> None:
    torch.manual_seed(bits)
    encoder = Encoder(bits=bits)
    with torch.no_grad():
        for p in encoder.parameters():  # large weights, so that every saturation is met
            p.normal_(0, 0.7)
    integers = encoder.integer_codes(charge.long())
    assert integers.min() >= 0
    assert integers.max() < 2**bits
    assert len(integers.unique()) > 3
    assert torch.equal(integers * 2.0 ** (1 - bits), encoder(charge))
    assert torch.equal(integers * 2.0 ** (1 - bits), encoder.double()(charge.double()).float())


def test_float_encoder_is_the_limit_of_the_quantised_one(charge: torch.Tensor) -> None:
    torch.manual_seed(0)
    quantised, exact = Encoder(bits=9), Encoder(bits=None)
    with torch.no_grad():
        for p in quantised.parameters():
            p.copy_(torch.round(p * 8) / 8)
    exact.load_state_dict(quantised.state_dict())
    difference = (quantised(charge) - exact(charge).clamp(max=2)).abs()
    # 128 products of weights below 2/8 with inputs cut by less than 1/64 + 1/128 each, and the cut of the code.
    assert difference.max() < 0.25
    assert difference.median() < 0.03


@pytest.mark.parametrize("decoder", [Decoder, LargeDecoder])
@pytest.mark.parametrize("bits", [3, 9, None])
def test_gradients_reach_every_weight(charge: torch.Tensor, decoder, bits: int | None) -> None:
    torch.manual_seed(0)
    model = Autoencoder(Encoder(bits=bits), decoder())
    out = model(charge[:200], *_conditions(charge[:200]))
    assert out.shape == (200, 48)
    (out * torch.rand_like(out)).sum().backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name


def test_decoded_charges_sum_to_the_transmitted_sum(charge: torch.Tensor) -> None:
    model = Autoencoder(Encoder(), Decoder())
    decoded = model.charges(charge, *_conditions(charge))
    torch.testing.assert_close(decoded.sum(1), transmitted_sum(charge.sum(1)))


def test_published_layouts_of_encoder_and_decoder_agree() -> None:
    image = wafer.image_8x8_published().ravel()
    np.testing.assert_array_equal(image[Decoder().cells.numpy()], np.arange(48))


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
