"""The checks that every test runs under: what a signature says is checked at each call."""

from dataclasses import dataclass

import jaxtyping
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from _typecheck import check

checked = jaxtyping.jaxtyped(typechecker=check)


@checked
def rows(x: Float[Tensor, "row column"], *, take: int, scale: float = 1.0) -> Float[Tensor, "row"]:
    return x[:take, 0] * scale


@checked
@dataclass
class Pair:
    one: Float[Tensor, "n"]
    other: Float[Tensor, "n"]


def test_arguments_and_the_result_fit_their_annotations_and_each_other() -> None:
    assert rows(torch.zeros(3, 2), take=3, scale=2).shape == (3,)
    for x, take, scale in (
        (torch.zeros(3), 3, 1.0),
        (torch.zeros(3, 2, dtype=torch.int), 3, 1.0),
        (torch.zeros(3, 2), 2.0, 1.0),
        (torch.zeros(3, 2), 3, "1"),
    ):
        with pytest.raises(jaxtyping.TypeCheckError, match="parameters of"):
            rows(x, take=take, scale=scale)
    with pytest.raises(jaxtyping.TypeCheckError, match="return value of"):
        rows(torch.zeros(3, 2), take=2)


def test_every_call_is_checked_anew() -> None:
    for size in (2, 3, 2):
        assert len(rows(torch.zeros(size, 1), take=size)) == size


def test_fields_of_a_dataclass_fit_each_other() -> None:
    Pair(torch.zeros(2), torch.zeros(2))
    with pytest.raises(jaxtyping.TypeCheckError):
        Pair(torch.zeros(2), torch.zeros(3))
