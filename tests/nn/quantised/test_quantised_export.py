"""The integer model against the network it was made from: every bit of every value."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.hardware.integer_nodes import Conv, Linear
from femtobarn.nn import wafer_autoencoder as emd
from femtobarn.nn.quantised import (
    QuantisedConv,
    QuantisedLinear,
    QuantisedWeights,
    Quantiser,
    WeightQuantiser,
    Wires,
    calibrate,
    ebops,
    exact_ebops,
    quantise,
    to_integer,
)


class Residual(nn.Module):
    """Two sums around convolutions, one of them with the input itself, and a view by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.second = nn.Conv2d(2, 2, 3, padding="same", groups=2)
        self.pool = nn.AvgPool2d(2)
        self.out = nn.Linear(18, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.first(x))) + x
        x = x + self.second(x)
        return self.out(self.pool(x).view(x.shape[0], -1))


class Strips(nn.Module):
    """A convolution along strips, read as (strip, layer), and a linear layer shared by all strips."""

    def __init__(self) -> None:
        super().__init__()
        self.along = nn.Conv1d(3, 4, 3, stride=2, dilation=2, padding=2)
        self.pool = nn.MaxPool1d(2)
        self.each = nn.Linear(4, 5)
        self.out = nn.Linear(25, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.along(x.transpose(1, 2)).relu()).permute(0, 2, 1)
        return self.out(self.each(x).relu().flatten(1))


def dense() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 5, bias=False)),
        *(nn.BatchNorm1d(5, affine=False), nn.ReLU(), nn.Linear(5, 3)),
    )


def wafer_encoder() -> nn.Module:
    """Cells laid out on an 8x8 image with a row and a column of zeros behind, as on a detector."""
    image = torch.full((1, 9, 9), -1)
    image[0, :6, :8] = torch.randperm(48, generator=torch.Generator().manual_seed(1)).reshape(6, 8)
    return nn.Sequential(
        Wires(image), nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(128, 16), nn.ReLU()
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "dense": (dense, (6,)),
    "residual": (Residual, (2, 6, 6)),
    "strips": (Strips, (20, 3)),
    "wafer encoder": (wafer_encoder, (48,)),
}


def trained(
    build: Callable[[], nn.Module], shape: tuple[int, ...], seed: int, **options: object
) -> tuple[nn.Module, Tensor]:
    """A network after a few steps, with bits scattered by hand, some of them zero, and its data."""
    torch.manual_seed(seed)
    x = torch.randn(64, *shape) * torch.linspace(0.2, 3.0, shape[-1])
    net = quantise(build(), x, **options).train()  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        (net(x).square().mean() + 1e-6 * ebops(net)).backward()
        optimizer.step()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, Quantiser | WeightQuantiser):
                module.fraction.add_(torch.randn_like(module.fraction) * 2)
                module.fraction[torch.rand_like(module.fraction) < 0.1] = -12
    calibrate(net, x)
    return net, x


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"granularity": "channel", "weight_granularity": "channel", "rounding": "TRN"},
        {"granularity": "tensor", "weight_granularity": "tensor", "overflow": "SAT"},
        {"overflow": "SAT_SYM", "weight_overflow": "SAT_SYM"},
    ],
    ids=["elements", "channels, TRN", "tensors, SAT", "SAT_SYM"],
)
def test_integers_are_the_network_bit_for_bit(name: str, options: dict[str, str]) -> None:
    for seed in range(3):
        net, x = trained(*NETWORKS[name], seed, **options)
        exact = net.double().eval()
        far = torch.cat((x, 5 * x)).double()  # half of it overflows
        model = to_integer(net)
        assert np.array_equal(model(far.numpy()), exact(far).detach().numpy())
        inputs = model.encode(far.numpy())
        for value, seen in zip(model.values, model.trace(inputs), strict=True):
            assert value.shape == seen.shape[1:]
            assert np.all((seen >= value.low) & (seen <= value.high))


def test_calibration_leaves_no_overflow_on_its_own_data_and_the_fewest_bits() -> None:
    net, x = trained(*NETWORKS["residual"], 0)
    model = to_integer(net)
    assert sum(model.overflows(x.double().numpy()).values()) == 0
    assert sum(model.overflows(20 * x.double().numpy()).values()) > 0
    for module in net.modules():
        if isinstance(module, Quantiser):
            module.integer.sub_(1)
            used = (module.integer + module.fraction.round() + module.signed > 0).any()
            assert not used or sum(to_integer(net).overflows(x.double().numpy()).values()) > 0
            module.integer.add_(1)


def test_widened_ranges_hold_data_beyond_those_seen() -> None:
    net, x = trained(*NETWORKS["dense"], 1)
    calibrate(net, [x[:30], x[30:]], widen=4.0)
    model = to_integer(net)
    # Larger inputs give larger values everywhere: the layers are sums and ReLUs, but biases do not grow.
    assert sum(model.overflows(1.5 * x.double().numpy()).values()) == 0


def test_what_is_always_zero_leaves_the_integer_model() -> None:
    """No weight on an input without bits, and a pruned channel feeds nothing."""
    net, x = trained(*NETWORKS["dense"], 2)
    with torch.no_grad():
        net.get_submodule("0").quantiser.fraction[2] = -20
        net.get_submodule("0").weights.kernel_quantiser.fraction[3] = -20
        net.get_submodule("0").weights.bias_quantiser.fraction[3] = -20
    calibrate(net, x)
    before = exact_ebops(net)
    model = to_integer(net)
    layers = [node for node in model.nodes if isinstance(node, Linear)]
    assert not layers[0].weight[:, 2].any()
    assert not layers[0].weight[3].any()
    assert layers[0].bias[3] == 0
    assert not layers[1].weight[:, 3].any()
    with torch.no_grad():
        net.get_submodule("4").weights.weight[:, 3] = 100.0  # on a channel that is always zero
    assert exact_ebops(net) == before
    assert np.array_equal(to_integer(net)(x.double().numpy()), model(x.double().numpy()))


def test_a_network_without_any_bits_gives_its_bias() -> None:
    net, x = trained(*NETWORKS["dense"], 3)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, Quantiser):
                module.fraction.fill_(-20)
    calibrate(net, x)
    model = to_integer(net)
    out = model(x.double().numpy())
    assert np.array_equal(out, net.double().eval()(x.double()).detach().numpy())
    assert np.all(out == out[0])
    assert exact_ebops(net) == sum(
        int(np.sum(_spans(layer.bias))) for layer in model.nodes if isinstance(layer, Linear)
    )


def _spans(n: np.ndarray) -> list[int]:
    return [len(f"{abs(int(value)):b}".strip("0")) for value in n]


def test_weights_stand_on_the_coarsest_grid_that_holds_them() -> None:
    net, _ = trained(*NETWORKS["strips"], 4)
    for node in to_integer(net).nodes:
        if isinstance(node, Linear | Conv):
            for kernel, bias in zip(node.weight, node.bias, strict=True):
                numbers = [*kernel.ravel(), bias]
                assert not any(numbers) or any(int(number) % 2 for number in numbers)


def test_formats_given_by_hand_stay() -> None:
    """A published layout of bits: input, five-bit output, both saturating, none trained."""
    fixed = {"overflow": "SAT", "rounding": "TRN", "trainable": False}
    codes = Quantiser((4,), integer=1, fraction=4, signed=False, **fixed)  # type: ignore[arg-type]
    inputs = Quantiser((3,), integer=3, fraction=6, **fixed)  # type: ignore[arg-type]
    x = torch.randn(50, 3)
    net = quantise(nn.Sequential(inputs, nn.Linear(3, 4), nn.ReLU(), codes), x)
    calibrate(net, x)
    model = to_integer(net)
    assert model.input.width.tolist() == [10] * 3
    out = model(x.double().numpy())
    assert np.array_equal(out, net.double().eval()(x.double()).detach().numpy())
    assert set(np.unique(out * 16)) <= set(range(32))


@pytest.mark.parametrize("bits", [3, 5, 9])
def test_the_published_wafer_encoder_is_written_out_exactly(bits: int) -> None:
    """Layers with formats given by hand, against the shifts and sums that the encoder itself states."""
    torch.manual_seed(bits)
    encoder = emd.Encoder(bits=bits)
    with torch.no_grad():
        encoder.dense.weight.mul_(2)

    def form(shape: tuple[int, ...], integer: int, fraction: int, *, signed: bool = True) -> Quantiser:
        ends = {"integer": integer, "fraction": fraction, "signed": signed, "trainable": False}
        return Quantiser(shape, rounding="TRN", overflow="SAT", **ends)  # type: ignore[arg-type]

    def weights(layer: nn.Conv2d | nn.Linear) -> QuantisedWeights:
        assert layer.bias is not None
        on_grid = [(8 * each).round().clamp(-16, 15) / 8 for each in (layer.weight, layer.bias)]
        kernel, bias = (WeightQuantiser(each.shape, fraction=3, trainable=False) for each in on_grid)
        return QuantisedWeights(*on_grid, kernel_quantiser=kernel, bias_quantiser=bias)

    image = torch.nn.functional.pad(encoder.cells, (0, 1, 0, 1), value=-1)[None]
    net = nn.Sequential(
        form((48,), 3, 6),
        Wires(image),
        QuantisedConv(encoder.filters, form((1, 9, 9), 3, 6), weights(encoder.filters)),
        *(nn.ReLU(), nn.Flatten()),
        QuantisedLinear(form((128,), 3, 7), weights(encoder.dense)),
        *(nn.ReLU(), form((16,), 1, 8, signed=False), form((16,), 1, bits - 1, signed=False)),
    )
    charge = torch.randint(0, 500, (400, 48)) * (torch.rand(400, 48) < torch.rand(400, 1))
    # An empty wafer is divided by one, as the encoder does it.
    shares = emd.normalise(charge.double())
    found = to_integer(net).run_integers(to_integer(net).encode(shares.numpy()))
    assert np.array_equal(found, encoder.integer_codes(charge).numpy())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_weights_are_named(value: float) -> None:
    net, x = trained(*NETWORKS["dense"], 0)
    with torch.no_grad():
        net.get_submodule("4").weights.weight[0, 0] = value
    with pytest.raises(InputError, match=r"4\.weights\.weight"):
        to_integer(net)
    with pytest.raises(InputError, match="weight"):
        quantise(nn.Sequential(_broken(value)), x)


def test_broken_bits_are_named() -> None:
    """Numbers of bits are trained too, and may diverge as weights do."""
    for name in ("0.quantiser.fraction", "4.weights.kernel_quantiser.fraction"):
        net, _ = trained(*NETWORKS["dense"], 0)
        with torch.no_grad():
            net.get_parameter(name).view(-1)[0] = float("nan")
        with pytest.raises(InputError, match=f"^{name} holds NaN or infinity"):
            to_integer(net)


def _broken(value: float) -> nn.Module:
    layer = nn.Linear(6, 2)
    with torch.no_grad():
        layer.weight.fill_(value)
    return layer


def test_sums_of_more_than_63_bits_are_refused_by_name() -> None:
    x = torch.randn(20, 4)
    net = quantise(nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 1)), x)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, Quantiser | WeightQuantiser):
                module.fraction.fill_(23)
        net.get_submodule("0").weights.weight.fill_(2.0**20)
    net.eval()
    calibrate(net, x)
    with pytest.raises(InputError, match=r"^\d: needs \d+ bits, at most 63"):
        to_integer(net)


def test_a_weight_too_large_for_its_grid_is_refused() -> None:
    net = quantise(nn.Sequential(nn.Linear(4, 2)), torch.randn(20, 4))
    with torch.no_grad():
        net.get_submodule("0").weights.weight[0, 0] = 1e20
    with pytest.raises(InputError, match="a weight needs more than 53 bits"):
        to_integer(net)


def test_a_sum_of_a_value_with_itself_and_a_call_by_name() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(input=x).relu()
            return self.out(input=y + y)

    net, x = trained(Twice, (4,), 0)
    assert np.array_equal(
        to_integer(net)(x.double().numpy()), net.double().eval()(x.double()).detach().numpy()
    )


def test_an_input_read_before_it_is_quantised_is_refused() -> None:
    net = nn.Sequential(
        nn.Flatten(), quantise(nn.Sequential(nn.Linear(4, 2)), torch.randn(5, 4)).get_submodule("0")
    )
    with pytest.raises(InputError, match="quantised once"):
        to_integer(net)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**31),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    groups=st.sampled_from([1, 2]),
)
def test_any_convolution_is_exact(seed: int, stride: int, padding: int, groups: int) -> None:
    def build() -> nn.Module:
        convolution = nn.Conv2d(2, 4, (2, 3), stride=(stride, 1), padding=(padding, 1), groups=groups)
        return nn.Sequential(convolution, nn.ReLU(), nn.MaxPool2d(2, 1), nn.Flatten(), nn.LazyLinear(2))

    torch.manual_seed(seed)
    x = torch.randn(16, 2, 7, 6)
    model = build()
    model(x)
    net, x = trained(lambda: model, (2, 7, 6), seed)
    assert np.array_equal(
        to_integer(net)(x.double().numpy()), net.double().eval()(x.double()).detach().numpy()
    )
