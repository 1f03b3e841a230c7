"""The 3-D GAN end to end, its training, and how its showers are judged."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.datasets import clic
from femtobarn.datasets.clic import Showers
from femtobarn.errors import InputError
from femtobarn.generator_loop import Course
from femtobarn.nn.cell_networks import ShowerTable
from femtobarn.runs import Provenance, Run
from femtobarn.study import Split, Trained
from femtobarn.systems.calo_gan import recipe, training
from femtobarn.systems.calo_gan.networks import Gan
from femtobarn.systems.calo_gan.sample import Data, load_split

pytest.importorskip("calzone", reason="Geant4 comes with the extra showers")

SYSTEM = recipes.all_systems()["calo-gan"]
TINY = recipe.PRESETS["tiny"]


@pytest.fixture(scope="module")
def finished(tiny_run: Callable[[str], Run]) -> Run:
    return tiny_run(SYSTEM.name)


def users_file(folder: Path) -> Path:
    """Showers of another seed in the published layout, for the tests of every system too."""
    path = folder / "EleEscan.h5"
    clic.write_showers(path, clic.stand_in("e-", 30, seed=9, energy=(1.0, 4.0), workers=1))
    return path


def test_tiny_ends_with_results_figures_and_a_report(finished: Run) -> None:
    assert finished.status == "done"
    table = {}
    for result in finished.results():
        table.setdefault(result.name, {})[tuple(result.labels.values())] = result
    assert set(table["AUC against Geant4"]) == {("3-D GAN",), ("mean shower",)}
    assert table["AUC against Geant4"]["mean shower",].value > 0.9
    assert all(r.n == 12 and r.data == "stand-in" for r in table["AUC against Geant4"].values())
    tried = table["mismatch with the validation showers"]
    assert set(tried) == {("0.001", "0.3"), ("0.0003", "0.3")}
    figures = {figure.name for figure in finished.figures()}
    assert figures == {"gan-profiles", "gan-response", "gan-shower", "learning", "losses"}
    assert "mean shower" in (finished.folder / "report.html").read_text()


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    showers = clic.stand_in("e-", 30, seed=9, energy=(1.0, 4.0), workers=1).take(np.arange(8))
    split = Split(showers, showers, showers, Provenance("stand-in", "clic"))
    settings = replace(TINY.gan, course=Course(epochs=2, batch=4, ema=0.0))

    def train(folder: Path, stop: bool) -> dict[str, torch.Tensor]:
        def report(done: int, _: int, __: str) -> None:
            if stop and done == 1:
                raise KeyboardInterrupt

        return training.train_one(
            settings, split, folder, training.Part(1e-3, 0.3, 3), report
        ).model.state_dict()

    whole = train(tmp_path / "whole", stop=False)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", stop=True)
    for key, value in train(tmp_path / "stopped", stop=False).items():
        torch.testing.assert_close(value, whole[key], rtol=1e-5, atol=1e-6)


def test_settings_are_chosen_on_validation_by_the_first_seed() -> None:
    """A later seed of the chosen settings may do badly or well: it is judged, it does not choose."""
    parts = [(1e-3, 0.3, 1), (5e-4, 0.3, 1), (1e-3, 0.3, 2)]
    trained = [
        Trained(training.Part(*part), None, [], validation)
        for part, validation in zip(parts, (0.2, 0.3, 0.9), strict=True)
    ]
    assert training.chosen(trained) == [trained[0], trained[2]]


def test_another_sample_has_other_showers() -> None:
    one, two, again = (
        load_split(Data(showers=20, energy=(0.5, 0.6), sample=sample), inclined=False, seed=1, workers=1)
        for sample in (1, 2, 1)
    )
    energies = [set(split.test.columns["energy"]) for split in (one, two, again)]
    assert not energies[0] & energies[1]
    assert energies[0] == energies[2]


def test_predict_makes_a_shower_for_each_of_a_users_file(finished: Run, tmp_path: Path) -> None:
    """In the published layout, of the same energies, in the window of the GAN."""
    wanted, made = users_file(tmp_path), tmp_path / "made.h5"
    assert execute(["predict", str(finished.folder), str(wanted), "-o", str(made)]) == 0
    asked, given = (clic.read_showers([path]) for path in (wanted, made))
    np.testing.assert_array_equal(given.columns["energy"], asked.columns["energy"])
    ecal, hcal = given.dense(np.arange(30))
    assert ecal[:, 19:32, 19:32].sum() == pytest.approx(ecal.sum())
    assert ecal.sum() > 0
    assert not hcal.any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Data(showers=3), "at least 20 showers"),
        (lambda: Data(test=0.6, validation=0.5), "shares in"),
        (lambda: Gan(course=Course(batch=1)), "at least two"),
        (lambda: Gan(power=0.0), "power above 0"),
        (lambda: Gan(mirror=True), "along the normal"),
        (lambda: Gan(updates=0), "updates of 1"),
    ],
)
def test_unfit_settings_are_refused(make, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


def _blobs(count: int) -> Showers:
    """Electron-like sums in a 5 x 5 core, no Geant4."""
    generator = np.random.default_rng(0)
    energy = generator.uniform(5, 50, count)
    x, y, layer = np.meshgrid(np.arange(23, 28), np.arange(23, 28), np.arange(2, 20), indexing="ij")
    cell = ((x * 51 + y) * 25 + layer).ravel()
    shape = np.exp(-np.hypot(x - 25, y - 24.5) - 0.05 * (layer - 9) ** 2).ravel()
    value = (energy[:, None] * shape / shape.sum()).astype(np.float32)
    columns = {"energy": energy, "eta": np.zeros(count)}
    return Showers(
        np.arange(count + 1) * len(cell), np.tile(cell, count).astype(np.int32), value.ravel(), columns
    )


def test_a_warm_start_comes_close_to_the_mean_shower() -> None:
    table = ShowerTable(_blobs(60), window=13)
    distance = []
    for steps in (0, 60):
        settings = Gan(
            layout="compact", latent=5, wide=8, narrow=4, first=2, others=2, unit=10.0, cell_unit=0.1, warm=steps,
            course=Course(batch=16),
        )  # fmt: skip
        players = training.Adversarial(settings, table, seed=1)
        players.warm_up(generator=torch.Generator().manual_seed(1))
        distance.append(training.mismatch(players.generator.eval(), players.showers, settings, seed=1))
    assert distance[1] < 0.5 * distance[0]


@pytest.mark.parametrize(("factor", "smear"), [(1.0, 0.0), (1.2, 0.0), (1.0, 0.1)])
def test_the_mismatch_is_the_error_of_profiles_and_of_the_spread(factor: float, smear: float) -> None:
    table = ShowerTable(_blobs(100), window=13)
    settings = Gan(layout="compact", unit=1.0, cell_unit=1.0)
    shape = table[torch.tensor([0])]["ecal"][0] / table.columns["energy"][0]

    class Known(nn.Module):
        """The real showers, scaled, every other one by more and by less."""

        def draw(self, energy: torch.Tensor, _: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
            sign = 1 - 2 * (torch.arange(len(energy)) % 2)
            return energy * factor * (1 + smear * sign)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return (z[:, None, None, None] * shape)[:, None]

    found = training.mismatch(Known(), table, settings, seed=1)
    energy = table.columns["energy"].double()
    signs = torch.cat([1 - 2 * (torch.arange(len(part)) % 2) for part in energy.split(64)])
    shift = abs(float((energy * factor * (1 + smear * signs)).sum() / energy.sum()) - 1)
    assert found == pytest.approx(shift + smear * float(signs.double().std()), abs=1e-3)


def test_mirrored_batches_keep_sums_and_depth() -> None:
    table = ShowerTable(_blobs(8), window=13)
    settings = Gan(layout="compact", latent=5, wide=2, narrow=2, first=2, others=2, mirror=True)
    players, rows = training.Adversarial(settings, table, seed=1), torch.arange(8)
    plain = table[rows]["ecal"] / settings.cell_unit
    seen = [players._real(table[rows], torch.Generator().manual_seed(seed))[0][:, 0] for seed in range(20)]
    for image in seen:
        torch.testing.assert_close(image.sum(dim=(1, 2)), plain.sum(dim=(1, 2)))
    assert len({image.numpy().tobytes() for image in seen}) > 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("power", [0.85, 1.0])
def test_two_hundred_steps_do_not_diverge_and_the_sum_rises_with_energy(power: float, tmp_path) -> None:
    showers = _blobs(160)
    settings = Gan(
        layout="fixed", latent=16, wide=4, narrow=2, first=2, others=2, unit=10.0, cell_unit=0.1,
        power=power, weights=(6.0, 0.2, 0.0, 0.1), course=Course(epochs=10, batch=8, ema=0.0),
    )  # fmt: skip
    split = Split(showers, showers, showers, Provenance("stand-in", "clic", "blobs"))
    trained = training.train_one(settings, split, tmp_path, training.Part(1e-3, 0.85, 1), lambda *_: None)
    assert all(np.isfinite(list(row.values())).all() for row in trained.history)
    energy = torch.tensor([5.0, 15.0, 30.0, 50.0]).repeat_interleave(20)
    made = settings.cells_of(trained.model, energy, torch.full_like(energy, math.pi / 2), seed=0)
    means = made.sum(dim=(1, 2, 3)).reshape(4, 20).mean(dim=1)
    assert (means.diff() > 0).all(), means
