"""The networks of calo-reconstruction: sizes as published, symmetries, the residual on the calibrated sum, the GAN."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn.datasets.clic import Calibration, Showers
from femtobarn.generator_loop import Course
from femtobarn.physics.calorimeter_cells import HCAL, SAMPLING_WEIGHTS, shower_angle
from femtobarn.systems.calo_reconstruction import (
    baselines,
    compensation,
    energy_measurement,
    gan,
    gan_training,
    recipe,
    study,
)
from femtobarn.systems.calo_reconstruction.compact_gan import CompactDiscriminator, CompactGenerator
from femtobarn.systems.calo_reconstruction.gan import (
    AngleGenerator,
    Discriminator,
    FixedAngleGenerator,
    generate,
    generator_loss,
)
from femtobarn.systems.calo_reconstruction.layer_embedding import LayerEmbedding, stairs
from femtobarn.systems.calo_reconstruction.model import BLOCKS, CellNetwork, Cnn, Dnn, GoogLeNet, MaxPool
from femtobarn.systems.calo_reconstruction.objectives import JointLoss, mirrored
from femtobarn.systems.calo_reconstruction.sample import ShowerTable

CALIBRATION = Calibration(0.9, 1.3)


def _batch(count: int, window: int = 13, seed: int = 0) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    ecal = torch.rand(count, window, window, 25, generator=g) ** 200
    hcal = torch.rand(count, *HCAL, generator=g) ** 60
    weights = torch.from_numpy(SAMPLING_WEIGHTS).float()
    sums = torch.stack(((ecal * weights).sum(dim=(1, 2, 3)), hcal.sum(dim=(1, 2, 3))), dim=1)
    draw = torch.randn(count, 4, generator=g) * 0.3
    energy = 50 + 20 * torch.rand(count, generator=g)
    label = (torch.arange(count) % 2).long()
    return {
        "ecal": ecal, "hcal": hcal, "sums": sums, "direction": draw[:, :2], "eta": draw[:, 2], "phi": draw[:, 3],
        "energy": energy, "label": label,
    }  # fmt: skip


def _call(model: nn.Module, batch: dict[str, torch.Tensor]):
    return model(*(batch[name] for name in ("ecal", "hcal", "sums", "direction")))


def _network(kind: str, **more) -> CellNetwork:
    part = study.Part(kind, "e-pi", more.pop("geometry", "clic"), 1)
    settings = recipe.PRESETS["tiny"].study
    return study.build(part, settings, window=13, calibration=CALIBRATION)


def test_published_sizes() -> None:
    """First layer of the DNN 22,889 x 512, flattened CNN 3,993 + 2,025 + 4; GoogLeNet ends in 1,024 channels."""
    dense = Dnn(window=25, given=4)
    assert tuple(dense.first.weight.shape) == (512, 22_889)
    convolutional = Cnn(window=25, given=4)
    assert convolutional.dense[0].in_features == 3_993 + 2_025 + 4
    inception = GoogLeNet(given=4)
    assert inception.dense[0].in_features == 1024 + 4
    paper = recipe.PRESETS["paper"].study
    sizes = {
        kind: study.weights(
            study.build(study.Part(kind, "e-pi", "clic", 1), paper, window=25, calibration=CALIBRATION)
        )
        for kind in ("dnn", "cnn", "googlenet")
    }
    assert sizes["dnn"] == 22_889 * 512 + 512 + 4 * (512 * 512 + 512) + (512 + 5) * 5 + 5
    assert sizes["cnn"] < sizes["dnn"] / 3
    assert sum(BLOCKS["b5"][i] for i in (0, 2, 4, 5)) == 1024


def test_googlenet_of_published_size_costs_forty_billion_multiply_adds() -> None:
    """Just under a second for a shower at the 86 GFLOP/s of one core with AVX-512 that it reaches."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = GoogLeNet(given=4).eval()
        arguments = torch.rand(1, 25, 25, 25), torch.zeros(1, *HCAL), torch.zeros(1, 4)
    with FlopCounterMode(display=False) as counter:
        assert model(*arguments).shape == (1, 1024)
    assert counter.get_total_flops() / 2 == pytest.approx(40.2e9, rel=0.01)


@pytest.mark.parametrize("stride", [1, 2])
def test_pooling_takes_the_largest_neighbour_however_cells_lie_in_memory(stride: int) -> None:
    x = torch.randn(2, 5, 9, 8, 7, generator=torch.Generator().manual_seed(0))
    padded = nn.functional.pad(x, (1,) * 6, value=-math.inf)
    windows = padded.unfold(2, 3, stride).unfold(3, 3, stride).unfold(4, 3, stride)
    for memory in (torch.contiguous_format, torch.channels_last_3d):
        found = MaxPool(stride=stride)(x.contiguous(memory_format=memory))
        assert torch.equal(found, windows.amax(dim=(5, 6, 7)))


@pytest.mark.parametrize("kind", ["dnn", "cnn", "googlenet"])
@pytest.mark.parametrize("geometry", ["clic", "cms"])
def test_an_untrained_network_gives_the_calibrated_sum(kind: str, geometry: str) -> None:
    batch = _batch(3)
    out = _call(_network(kind, geometry=geometry).eval(), batch)
    torch.testing.assert_close(out.energy, batch["sums"] @ torch.tensor(CALIBRATION))
    torch.testing.assert_close(out.eta, batch["direction"][:, 0])
    torch.testing.assert_close(out.phi, batch["direction"][:, 1])


@pytest.mark.parametrize("kind", ["dnn", "cnn", "googlenet"])
def test_gradients_reach_every_weight_and_showers_do_not_mix(kind: str) -> None:
    model, batch = _network(kind), _batch(6)
    nn.init.normal_(model.last.weight)
    torch.autograd.backward(JointLoss(phi=1.0)(model, batch))
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
    model.eval()
    whole = _call(model, batch)
    alone = _call(model, {name: column[2:3] for name, column in batch.items()})
    for one, two in zip(whole, alone, strict=True):
        torch.testing.assert_close(one[2:3], two, rtol=1e-4, atol=1e-4)


def test_the_spectrum_of_cells_keeps_the_energy_and_knows_bright_from_faint() -> None:
    cells = _batch(5)["ecal"]
    logs = torch.linspace(-5, 1, 12)
    found = compensation.spectrum(cells, logs)
    torch.testing.assert_close(found.sum(dim=1), cells.sum(dim=(1, 2, 3)), rtol=1e-4, atol=1e-4)
    one = torch.zeros(2, 3, 3, 2)
    one[0, 1, 1, 0], one[1, 0, 0, 1] = math.exp(logs[3]), math.exp((logs[3] + logs[4]) / 2)
    expected = torch.zeros(2, 12)
    expected[0, 3], expected[1, 3:5] = one[0, 1, 1, 0], one[1, 0, 0, 1] / 2
    torch.testing.assert_close(compensation.spectrum(one, logs), expected, rtol=1e-4, atol=1e-6)
    assert torch.equal(compensation.spectrum(torch.zeros(2, 3, 3, 2), logs), torch.zeros(2, 12))


def _hadrons(count: int, seed: int) -> dict[str, torch.Tensor]:
    """Showers whose bright cells count in full and whose faint cells show half of their energy."""
    g = torch.Generator().manual_seed(seed)
    energy = 5 + 45 * torch.rand(count, generator=g)
    bright = torch.rand(count, generator=g)
    ecal, hcal = torch.zeros(count, 5, 5, 25), torch.zeros(count, *HCAL)
    ecal[:, 2, 2, :10] = (0.1 * bright * energy)[:, None]
    hcal[:, :, :, 3] = (0.5 * (1 - bright) * energy / 121)[:, None, None]
    sums = torch.stack((ecal.sum(dim=(1, 2, 3)), hcal.sum(dim=(1, 2, 3))), dim=1)
    return {"ecal": ecal, "hcal": hcal, "sums": sums, "energy": energy}


def test_compensation_weighs_bright_and_faint_cells() -> None:
    train, test = _hadrons(1000, 0), _hadrons(500, 1)
    found = [compensation.columns(each["ecal"], each["hcal"]) for each in (train, test)]
    assert found[0].shape == (1000, compensation.COLUMNS)
    weights = compensation.fit(found[0], train["sums"].sum(dim=1), train["energy"])
    better = test["sums"].sum(dim=1) + found[1].double() @ weights
    before, after = ((each / test["energy"]).std() for each in (test["sums"].sum(dim=1), better))
    assert after < 0.3 * before


def test_a_network_begins_with_the_compensation() -> None:
    settings = replace(recipe.PRESETS["tiny"].study, compensating=True)
    model = study.build(
        study.Part("dnn", "e-pi", "clic", 1), settings, window=5, calibration=Calibration(1, 1)
    )
    train, test = _hadrons(600, 0), _hadrons(200, 1)
    weights = torch.from_numpy(SAMPLING_WEIGHTS).float()
    for each in (train, test):
        each["direction"], each["ecal"] = torch.zeros(len(each["energy"]), 2), each["ecal"] / weights
    model.begin([train])
    found = _call(model.eval(), test).energy
    fitted = compensation.fit(
        compensation.columns(train["ecal"] * weights, train["hcal"]),
        train["sums"].sum(dim=1),
        train["energy"],
    )
    expected = (
        test["sums"].sum(dim=1) + compensation.columns(test["ecal"] * weights, test["hcal"]) @ fitted.float()
    )
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_stairs_climb_in_linear_pieces() -> None:
    edges = torch.tensor([0.0, 1.0, 3.0, 4.0])
    found = stairs(torch.tensor([[-1.0, 0.5], [2.0, 9.0]]), edges)
    expected = torch.tensor([[[0.0, 0, 0], [0.5, 0, 0]], [[1.0, 0.5, 0], [1.0, 1, 1]]])
    torch.testing.assert_close(found, expected)
    x = 4 * torch.rand(50)
    torch.testing.assert_close(stairs(x, edges) @ edges.diff(), x)


def test_summaries_do_not_know_left_from_right() -> None:
    batch = _batch(3)
    turned = mirrored(batch, True, True)
    for summary in (LayerEmbedding(4), compensation.columns):
        seen, mirror = (summary(each["ecal"], each["hcal"]) for each in (batch, turned))
        torch.testing.assert_close(mirror, seen, rtol=1e-4, atol=1e-4)  # two tensors, or one


class _Exact(nn.Module):
    """Says the truth of a batch, but for what is added."""

    def __init__(self, batch: dict[str, torch.Tensor], energy: float = 0.0, eta: float = 0.0) -> None:
        super().__init__()
        self.batch, self.away = batch, (energy, eta)

    def forward(self, *_: torch.Tensor):
        b = self.batch
        sure = 50.0 * (2 * b["label"] - 1)
        return study.Output(sure, b["energy"] + self.away[0], b["eta"] + self.away[1], b["phi"], b["energy"])


def test_the_loss_is_zero_for_the_truth_and_as_published_beside_it() -> None:
    batch = _batch(4)
    loss = JointLoss()
    assert float(loss(_Exact(batch), batch)) == pytest.approx(0, abs=1e-9)
    expected = (3.0 / (10 * batch["energy"].log())).square().mean()
    torch.testing.assert_close(loss(_Exact(batch, energy=3.0), batch), expected)
    torch.testing.assert_close(loss(_Exact(batch, eta=0.02), batch), torch.tensor(10 * 0.2**2))
    low = batch | {"energy": torch.full((4,), 1.0)}
    assert torch.isfinite(loss(_Exact(low, energy=0.1), low)), "ln E is 0 at 1 GeV"


def test_mirrors_are_undone_by_themselves_and_turn_the_shower_with_its_direction() -> None:
    batch = _batch(3)
    for x, y in ((True, False), (False, True), (True, True)):
        twice = mirrored(mirrored(batch, x, y), x, y)
        for name, column in batch.items():
            assert torch.equal(twice[name], column), name
    turned = mirrored(batch, False, True)
    assert torch.equal(turned["direction"][:, 0], -batch["direction"][:, 0])
    torch.testing.assert_close(
        shower_angle(turned["ecal"]), math.pi - shower_angle(batch["ecal"]), rtol=1e-4, atol=1e-4
    )


def _line(count: int, seed: int) -> Showers:
    """Showers of one hit in each layer, whose energy is a sum with known weights."""
    generator = np.random.default_rng(seed)
    value = generator.exponential(1.0, (count, 85)).astype(np.float32)
    cell = np.concatenate((np.arange(25), 51 * 51 * 25 + np.arange(60))).astype(np.int32)
    weight = np.concatenate((SAMPLING_WEIGHTS * np.linspace(0.8, 1.2, 25), np.linspace(2, 1, 60)))
    energy = value.astype(np.float64) @ weight
    return Showers(np.arange(count + 1) * 85, np.tile(cell, count), value.ravel(), {"energy": energy})


def test_the_best_linear_estimate_finds_the_weights() -> None:
    train, validation = _line(2000, 0), _line(500, 1)
    best = baselines.fit_layers(train, validation)
    plain = baselines.fit_linear(baselines.sums(train), train.columns["energy"])
    test = _line(500, 2)
    residual = best.energy(baselines.layer_sums(test)) / test.columns["energy"] - 1
    rough = plain.energy(baselines.sums(test)) / test.columns["energy"] - 1
    assert residual.std() < 2e-3 < 10 * residual.std() + 1
    assert residual.std() < 0.1 * rough.std()


def test_with_few_showers_the_best_linear_estimate_is_no_worse_than_the_plain_one() -> None:
    generator = np.random.default_rng(0)

    def noisy(showers: Showers) -> Showers:
        energy = np.exp(generator.normal(0, 0.2, len(showers))) * showers.columns["energy"]
        return Showers(showers.first, showers.cell, showers.value, {"energy": energy})

    train, validation, test = noisy(_line(60, 0)), noisy(_line(60, 1)), noisy(_line(2000, 2))
    best = baselines.fit_layers(train, validation).energy(baselines.layer_sums(test))
    plain = baselines.fit_linear(baselines.sums(train), train.columns["energy"]).energy(baselines.sums(test))
    error = [float(((each / test.columns["energy"] - 1) ** 2).mean()) for each in (best, plain)]
    assert error[0] < 1.1 * error[1]


def test_response_finds_bias_and_width() -> None:
    generator = np.random.default_rng(0)
    true = generator.uniform(5, 50, 20_000)
    found = true * (1.02 + 0.2 / np.sqrt(true) * generator.normal(size=len(true)))
    seen = energy_measurement.response(true, found, (5, 10, 20, 50))
    np.testing.assert_allclose(seen.bias, 0.02, atol=0.01)
    np.testing.assert_allclose(seen.width, 0.2 / np.sqrt(seen.energy), rtol=0.1)
    fit = energy_measurement.fit(seen)
    assert fit is not None
    ratio, error = energy_measurement.width_ratio(true, true + 0.5 * (found - true), found, 20)
    assert ratio == pytest.approx(0.5, abs=0.02)
    assert 0 < error < 0.02


# The GAN


def test_generators_make_windows() -> None:
    z = torch.randn(2, 256)
    assert AngleGenerator(first=2, narrow=2)(z).shape == (2, 1, 51, 51, 25)
    assert FixedAngleGenerator(wide=2, narrow=2)(z[:, :200]).shape == (2, 1, 25, 25, 25)
    conditions = torch.tensor([1.0, 2.0]), torch.tensor([1.5, 1.6])
    drawn = AngleGenerator(first=2, narrow=2).draw(*conditions, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn[:, 0], conditions[0])
    assert torch.equal(drawn[:, 1], conditions[1])


@pytest.mark.parametrize("cells", [25, 51])
@pytest.mark.parametrize("power", [0.85, 1.0])
def test_the_discriminator_measures_sum_and_angle_by_formulas(cells: int, power: float) -> None:
    torch.manual_seed(0)
    model = Discriminator(cells=cells, power=power, first=2, narrow=2).eval()
    image = (torch.rand(2, 1, cells, cells, 25) ** 20).requires_grad_(True)
    verdict = model(image, torch.ones(2))
    torch.testing.assert_close(verdict.total, image.sum(dim=(1, 2, 3, 4)))
    torch.testing.assert_close(verdict.angle, shower_angle(image[:, 0]))
    torch.autograd.backward(verdict.real.sum())
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()
    assert image.grad.abs().sum() > 0


def test_the_power_changes_what_the_discriminator_sees() -> None:
    image = torch.rand(2, 1, 25, 25, 25) ** 20
    scores = []
    for power in (0.85, 1.0):
        torch.manual_seed(0)
        model = Discriminator(cells=25, power=power, first=2, narrow=2).eval()
        scores.append(model(image, torch.ones(2)).real)
    assert not torch.allclose(scores[0], scores[1])


def test_an_image_without_energy_costs_no_angle() -> None:
    nothing, unit = torch.zeros(3), torch.ones(3)
    verdict = gan.Verdict(nothing, unit, torch.full((3,), gan.NO_ANGLE), nothing)
    loss = generator_loss(verdict, unit, 1.5 * unit, unit, (3.0, 0.1, 25.0, 0.1))
    assert float(loss) == pytest.approx(3 * math.log(2) + 0.1 * 100, rel=1e-5)


@pytest.mark.parametrize("build", [FixedAngleGenerator, CompactGenerator])
def test_generated_showers_are_in_file_units_and_repeat(build: type[nn.Module]) -> None:
    torch.manual_seed(0)
    model = build(latent=8, wide=2, narrow=2).eval()
    energy, theta = torch.full((5,), 20.0), torch.full((5,), math.pi / 2)
    one, two = (
        generate(
            model,
            energy,
            theta,
            unit=10.0,
            cell_unit=0.1,
            generator=torch.Generator().manual_seed(3),
            batch=2,
        )
        for _ in "ab"
    )
    assert torch.equal(one, two)
    assert (one >= 0).all()
    assert ((one == 0) | (one > 1e-4)).all()


def _blob_showers(count: int, *, window: int = 25) -> ShowerTable:
    """Electron-like sums in a 5 x 5 core, no Geant4."""
    generator = np.random.default_rng(0)
    energy = generator.uniform(5, 50, count)
    x, y, layer = np.meshgrid(np.arange(23, 28), np.arange(23, 28), np.arange(2, 20), indexing="ij")
    cell = ((x * 51 + y) * 25 + layer).ravel()
    shape = np.exp(-np.hypot(x - 25, y - 24.5) - 0.05 * (layer - 9) ** 2).ravel()
    value = (energy[:, None] * shape / shape.sum()).astype(np.float32)
    columns = {"energy": energy, "eta": np.zeros(count)}
    return ShowerTable(
        Showers(
            np.arange(count + 1) * len(cell), np.tile(cell, count).astype(np.int32), value.ravel(), columns
        ),
        window=window,
    )


def test_the_compact_generator_knows_the_energy() -> None:
    """At the same noise the energy alone decides; the noise of a cell changes that cell alone."""
    torch.manual_seed(0)
    model = CompactGenerator(latent=5, wide=2, narrow=2).eval()
    z = model.draw(torch.tensor([2.0]), torch.ones(1), generator=torch.Generator().manual_seed(0))
    assert float(z[0, 0]) == 2
    image = model(z)[0, 0]
    assert image.shape == (13, 13, 25)
    cell, changed = 6 * 13 * 25 + 6 * 25 + 8, set()
    for noise in (-30.0, 30.0):  # of one sign it empties the cell, of the other it fills it
        other = z.clone()
        other[0, cell - 13 * 13 * 25] = noise
        changed |= {tuple(place) for place in (model(other)[0, 0] != image).nonzero().tolist()}
    assert changed == {(6, 6, 8)}
    twice = z.clone()
    twice[0, 0] = 4
    model.seed.weight.data[:, 0] = 0  # without the logarithm only the factor is left
    torch.testing.assert_close(model(twice), 2 * model(z))


def test_the_compact_discriminator_sees_each_cell_and_the_energy() -> None:
    torch.manual_seed(0)
    model = CompactDiscriminator(first=2, others=2).eval()
    image = (torch.rand(2, 1, 13, 13, 25) ** 20).requires_grad_(True)
    energy = torch.tensor([1.0, 2.0])
    verdict = model(image, energy)
    torch.testing.assert_close(verdict.total, image.sum(dim=(1, 2, 3, 4)))
    torch.autograd.backward(verdict.real.sum())
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()
    assert (image.grad != 0).float().mean() > 0.99
    again = model(image, 2 * energy)
    assert not torch.allclose(again.real, verdict.real)
    torch.testing.assert_close(again.energy, verdict.energy)  # it must be read from the cells


def test_a_warm_start_comes_close_to_the_mean_shower() -> None:
    table = _blob_showers(60, window=13)
    distance = []
    for steps in (0, 60):
        settings = gan_training.Gan(
            layout="compact", latent=5, wide=8, narrow=4, first=2, others=2, unit=10.0, cell_unit=0.1, warm=steps,
            course=Course(batch=16),
        )  # fmt: skip
        players = gan_training.Adversarial(settings, table, seed=1)
        players.warm_up(generator=torch.Generator().manual_seed(1))
        distance.append(gan_training.mismatch(players.generator.eval(), players.showers, settings, seed=1))
    assert distance[1] < 0.5 * distance[0]


@pytest.mark.parametrize(("factor", "smear"), [(1.0, 0.0), (1.2, 0.0), (1.0, 0.1)])
def test_the_mismatch_is_the_error_of_profiles_and_of_the_spread(factor: float, smear: float) -> None:
    table = _blob_showers(100, window=13)
    settings = gan_training.Gan(layout="compact", unit=1.0, cell_unit=1.0)
    shape = table[torch.tensor([0])]["ecal"][0] / table.columns["energy"][0]

    class Known(nn.Module):
        """The real showers, scaled, every other one by more and by less."""

        def draw(self, energy: torch.Tensor, _: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
            sign = 1 - 2 * (torch.arange(len(energy)) % 2)
            return energy * factor * (1 + smear * sign)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return (z[:, None, None, None] * shape)[:, None]

    found = gan_training.mismatch(Known(), table, settings, seed=1)
    energy = table.columns["energy"].double()
    signs = torch.cat([1 - 2 * (torch.arange(len(part)) % 2) for part in energy.split(64)])
    shift = abs(float((energy * factor * (1 + smear * signs)).sum() / energy.sum()) - 1)
    assert found == pytest.approx(shift + smear * float(signs.double().std()), abs=1e-3)


def test_mirrored_batches_keep_sums_and_depth() -> None:
    table = _blob_showers(8, window=13)
    settings = gan_training.Gan(layout="compact", latent=5, wide=2, narrow=2, first=2, others=2, mirror=True)
    players, rows = gan_training.Adversarial(settings, table, seed=1), torch.arange(8)
    plain = table[rows]["ecal"] / settings.cell_unit
    seen = [players._real(rows, torch.Generator().manual_seed(seed))[0][:, 0] for seed in range(20)]
    for image in seen:
        torch.testing.assert_close(image.sum(dim=(1, 2)), plain.sum(dim=(1, 2)))
    assert len({image.numpy().tobytes() for image in seen}) > 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("power", [0.85, 1.0])
def test_two_hundred_steps_do_not_diverge_and_the_sum_rises_with_energy(power: float, tmp_path) -> None:
    table = _blob_showers(160)
    settings = gan_training.Gan(
        showers=160, layout="fixed", latent=16, wide=4, narrow=2, first=2, others=2, unit=10.0, cell_unit=0.1,
        power=power, weights=(6.0, 0.2, 0.0, 0.1), course=Course(epochs=10, batch=8, ema=0.0),
    )  # fmt: skip
    gan_training.train_gan(table, table, settings=settings, seed=1, folder=tmp_path)
    model, history = gan_training.load_gan(tmp_path, settings)
    assert all(np.isfinite(list(row.values())).all() for row in history)
    energy = torch.tensor([5.0, 15.0, 30.0, 50.0]).repeat_interleave(20)
    made = generate(
        model,
        energy,
        torch.full_like(energy, math.pi / 2),
        unit=10.0,
        cell_unit=0.1,
        generator=torch.Generator().manual_seed(0),
    )
    means = made.sum(dim=(1, 2, 3)).reshape(4, 20).mean(dim=1)
    assert (means.diff() > 0).all(), means
