"""Several learning rates, of which the best on the validation sample is kept."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from femtobarn.engine import Batch, TensorTable, Training, fit_rates
from femtobarn.errors import InputError

SHORT = Training(epochs=2, batch=16, lr=1.0)


def table(seed: int) -> TensorTable:
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(seed))
    return TensorTable({"x": x, "y": x.sum(dim=1, keepdim=True)})


def line() -> nn.Module:
    torch.manual_seed(1)
    return nn.Linear(3, 1)


def squared(model: nn.Module, batch: Batch) -> Tensor:
    return ((model(batch["x"]) - batch["y"]) ** 2).mean()


def test_the_best_rate_is_kept_whatever_the_order(tmp_path: Path) -> None:
    said: list[tuple[int, int, str]] = []
    found = []
    for rates in ((1e-4, 1e-1), (1e-1, 1e-4)):
        model, fitted, rate = fit_rates(
            line, squared, table(1), table(2), rates=rates, settings=SHORT, seed=1, folder=tmp_path / str(rates[0]),
            report=lambda *each: said.append(each),
        )  # fmt: skip
        assert rate == 1e-1
        assert float(squared(model, table(2).columns).detach()) == pytest.approx(fitted.validation, rel=1e-4)
        found.append(fitted.history)
    assert found[0] == found[1], "each rate begins with the same weights"
    assert [done for done, _, _ in said] == [1, 2, 3, 4] * 2
    assert {total for _, total, _ in said} == {4}
    assert not list(tmp_path.rglob("*.ckpt"))


def test_no_rates(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="learning rate"):
        fit_rates(
            line, squared, table(1), table(2), rates=(), settings=SHORT, seed=1, folder=tmp_path,
            report=lambda *_: None,
        )  # fmt: skip
