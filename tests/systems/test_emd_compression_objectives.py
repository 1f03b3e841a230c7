import numpy as np
import pytest
import torch
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.losses import EmdNet, emd
from femtobarn.nn.wafer_autoencoder import Autoencoder, Decoder, Encoder, normalise
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers
from femtobarn.systems.emd_compression.objectives import LOSSES, CompressionLoss, Term, mean_emd, parse, title


@pytest.fixture
def batch() -> dict[str, Tensor]:
    charge = torch.from_numpy(toy_wafers(64, generator=np.random.default_rng(0))["charge"])
    charge = charge[charge.sum(dim=1) > 0]
    rows = len(charge)
    return {
        "charge": charge,
        "eta": torch.full((rows,), 2.0),
        "layer": torch.full((rows,), 9.0),
        "row": torch.arange(rows),
    }


class Echo(nn.Module):
    """An autoencoder that changes nothing, but for one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, charge: Tensor, eta: Tensor, layer: Tensor) -> Tensor:
        return normalise(charge) * self.scale


def test_a_mixture_is_read_term_by_term() -> None:
    assert parse("emd") == [Term("emd", 1.0)]
    assert parse("emd+0.5*mse + 1e-3*telescope") == [
        Term("emd", 1.0),
        Term("mse", 0.5),
        Term("telescope", 1e-3),
    ]
    assert title("emd+0.5*mse") == "exact EMD + 0.5 MSE"


@pytest.mark.parametrize("bad", ["", "emd-mse", "0.5*", "emd+*mse", "two*emd"])
def test_a_bad_mixture_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match=r"a loss is a name|there is no loss"):
        parse(bad)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"learned"}))
def test_a_perfect_copy_costs_nothing(name: str, batch: dict[str, Tensor]) -> None:
    loss = CompressionLoss(name, wafers=len(batch["row"]))
    assert float(loss(Echo(), batch).detach()) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_trains_every_weight(name: str, batch: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    net = EmdNet(generator=torch.Generator().manual_seed(0)).eval() if name == "learned" else None
    loss, model = CompressionLoss(name, wafers=len(batch["row"]), net=net), Autoencoder(Encoder(), Decoder())
    value = loss(model, batch)
    value.backward()
    assert torch.isfinite(value)
    for weight_name, weight in model.named_parameters():
        assert weight.grad is not None, weight_name
        assert weight.grad.isfinite().all(), weight_name
    if net is not None:
        assert all(weight.grad is None for weight in net.parameters()), "the learned EMD is frozen"


def test_a_mixture_is_the_weighted_sum_of_its_terms(batch: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    model, rows = Autoencoder(Encoder(), Decoder()), len(batch["row"])
    each = [CompressionLoss(name, wafers=rows)(model, batch).item() for name in ("emd", "mse")]
    both = CompressionLoss("emd+0.5*mse", wafers=rows)(model, batch).item()
    assert both == pytest.approx(each[0] + 0.5 * each[1], rel=1e-5)


def test_kept_potentials_change_nothing_but_the_time(batch: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    model, loss = Autoencoder(Encoder(), Decoder()), CompressionLoss("emd", wafers=len(batch["row"]))
    cold = loss(model, batch)
    assert loss.potentials.abs().sum() > 0
    assert loss(model, batch).item() == pytest.approx(cold.item(), rel=1e-6)
    cost = torch.from_numpy(wafer.distances().copy())
    image = model(batch["charge"], batch["eta"], batch["layer"])
    assert cold.item() == pytest.approx(emd(batch["charge"], image, cost).mean().item(), rel=1e-5)
    assert mean_emd(model, batch).item() == pytest.approx(cold.item(), rel=1e-5)


def test_the_learned_loss_needs_its_network() -> None:
    with pytest.raises(ValueError, match="trained network"):
        CompressionLoss("learned", wafers=10)
