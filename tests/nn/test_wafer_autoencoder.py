import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.nn.wafer_autoencoder import (
    BITS,
    HIDDEN,
    WEIGHT,
    Autoencoder,
    BestChoice,
    BitEncoder,
    Decoder,
    Encoder,
    LargeDecoder,
    RestDecoder,
    fixed_point,
    normalise,
    transmitted_sum,
)
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers


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


@pytest.mark.parametrize("bits", BITS.values())
def test_the_chip_s_encoder_is_the_same_in_layers(charge: torch.Tensor, bits: int) -> None:
    torch.manual_seed(bits)
    encoder = Encoder(bits=bits)
    with torch.no_grad():
        for p in encoder.parameters():  # large weights, so that every saturation is met
            p.normal_(0, 0.7)
    _, integers = fixed_point(encoder)
    found = integers.run_integers(integers.encode(normalise(charge.double()).numpy()))
    np.testing.assert_array_equal(found, encoder.integer_codes(charge.long()).numpy())
    with pytest.raises(InputError, match="floating point"):
        fixed_point(Encoder(bits=None))


def test_training_of_bits_starts_where_the_chip_s_encoder_is(charge: torch.Tensor) -> None:
    """With the chip's steps of hidden values and ranges that cut nothing off the codes of both are the same."""
    torch.manual_seed(0)
    encoder = Encoder(bits=9)
    bits = BitEncoder(encoder, charge, fraction=HIDDEN[0], weight_fraction=WEIGHT[0]).eval()
    assert torch.equal(bits(charge), encoder(charge))
    coarse = BitEncoder(encoder, charge, fraction=1, weight_fraction=1).eval()
    assert not torch.equal(coarse(charge), encoder(charge))


@pytest.mark.parametrize("cells", [4, 14])
def test_the_rest_of_the_sum_goes_to_the_cells_that_were_not_sent(charge: torch.Tensor, cells: int) -> None:
    torch.manual_seed(0)
    model = Autoencoder(BestChoice(cells), RestDecoder())
    shares, total = model.encoder.encode(charge)
    assert ((shares > 0).sum(1) <= cells).all()
    image = model(charge, *_conditions(charge))
    sent, rest = shares > 0, (2 * torch.frexp(total)[0] - shares.sum(1)).clamp(min=0)
    assert torch.equal(image[sent], shares[sent])
    expected = (rest / (48 - sent.sum(1)))[:, None].expand(-1, 48)
    torch.testing.assert_close(image[~sent], expected[~sent], msg="evenly, as long as it is not trained")
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.3)
    image = model(charge, *_conditions(charge))
    assert torch.equal(image[sent], shares[sent])
    torch.testing.assert_close(torch.where(sent, 0, image).sum(1), rest)
    (image * torch.rand_like(image)).sum().backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name
