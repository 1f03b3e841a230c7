"""Attention blocks: order, padding, empty sets, against torch's own multi-head attention, and their cost."""

import pytest
import torch
from torch import nn

from femtobarn.nn.set_attention import IPAB, ISAB, MAB, PMA, SAB

WIDTH, HEADS = 16, 4
MASK = torch.arange(6) < torch.tensor([[6], [4], [1], [0]])


def _x(seed: int = 0) -> torch.Tensor:
    return torch.randn(4, 6, WIDTH, generator=torch.Generator().manual_seed(seed))


def _set_to_set() -> dict[str, nn.Module]:
    torch.manual_seed(1)
    return {"SAB": SAB(WIDTH, heads=HEADS), "ISAB": ISAB(WIDTH, heads=HEADS, inducing=3)}


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    block = MAB(WIDTH, heads=HEADS)
    peer = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    with torch.no_grad():
        peer.in_proj_weight.copy_(torch.cat((block.query.weight, block.key_value.weight)))
        peer.in_proj_bias.copy_(torch.cat((block.query.bias, block.key_value.bias)))
        peer.out_proj.weight.copy_(block.merge.weight)
        peer.out_proj.bias.copy_(block.merge.bias)
    queries, x, full = _x(1)[:3], _x(2)[:3], MASK[:3]
    y = queries + peer(queries, x, x, key_padding_mask=~full, need_weights=False)[0]
    torch.testing.assert_close(block(queries, x, full), y + nn.functional.leaky_relu(block.own(y), 0.2))


@pytest.mark.parametrize("name", ["SAB", "ISAB"])
def test_blocks_follow_the_order_of_the_particles(name: str) -> None:
    block, x, order = _set_to_set()[name], _x(), torch.randperm(6, generator=torch.Generator().manual_seed(3))
    expected = block(x, MASK)[:, order]
    found = block(x[:, order], MASK[:, order])
    torch.testing.assert_close(
        torch.where(MASK[:, order, None], found, 0.0), torch.where(MASK[:, order, None], expected, 0.0)
    )


@pytest.mark.parametrize("name", ["SAB", "ISAB"])
def test_padding_does_not_count(name: str) -> None:
    block, x = _set_to_set()[name], _x()
    loud = torch.where(MASK.unsqueeze(-1), x, torch.nan)
    padded = torch.cat((x, torch.full((4, 3, WIDTH), 7.0)), dim=1)
    longer = torch.cat((MASK, torch.zeros(4, 3, dtype=torch.bool)), dim=1)
    for found in (block(loud, MASK), block(padded, longer)[:, :6]):
        torch.testing.assert_close(found[MASK], block(x, MASK)[MASK])


def test_particles_and_the_vector_of_their_set() -> None:
    torch.manual_seed(0)
    block, x, whole = IPAB(WIDTH, heads=HEADS), _x(), torch.randn(4, WIDTH)
    order = torch.tensor([3, 5, 1, 0, 4, 2])
    each, summary = block(x, whole, MASK)
    moved, same = block(x[:, order], whole, MASK[:, order])
    torch.testing.assert_close(same, summary)
    torch.testing.assert_close(moved, each[:, order])
    _, other = block(torch.where(MASK.unsqueeze(-1), x, torch.inf), whole, MASK)
    torch.testing.assert_close(other, summary)


def test_pooling_ignores_order_and_padding_and_survives_an_empty_set() -> None:
    torch.manual_seed(0)
    block, x = PMA(WIDTH, heads=HEADS), _x()
    order = torch.tensor([3, 5, 1, 0, 4, 2])
    torch.testing.assert_close(block(x[:, order], MASK[:, order]), block(x, MASK))
    longer = torch.cat((MASK, torch.zeros(4, 30, dtype=torch.bool)), dim=1)
    torch.testing.assert_close(
        block(torch.cat((x, torch.randn(4, 30, WIDTH)), dim=1), longer), block(x, MASK)
    )
    assert block(x, MASK).isfinite().all(), "the last set is empty"


def test_gradients_reach_every_weight_and_no_padding() -> None:
    torch.manual_seed(0)
    for block in (
        SAB(WIDTH, heads=HEADS),
        ISAB(WIDTH, heads=HEADS),
        PMA(WIDTH, heads=HEADS, layer_norm=True),
    ):
        x = _x().requires_grad_()
        y = block(x, MASK)
        y = y[MASK] if y.ndim == 3 else y
        y.square().sum().backward()
        assert x.grad is not None
        assert not x.grad[~MASK].any()
        assert x.grad[MASK].abs().sum(dim=-1).min() > 0
        assert all(p.grad is not None and p.grad.isfinite().all() for p in block.parameters())
        assert all(p.grad.any() for p in block.parameters() if p.ndim > 1)


def test_dropout_is_off_in_evaluation() -> None:
    block = SAB(WIDTH, heads=HEADS, dropout=0.5)
    assert not torch.equal(block(_x(), MASK), block(_x(), MASK))
    block.eval()
    torch.testing.assert_close(block(_x(), MASK), block(_x(), MASK), rtol=0, atol=0)


def test_heads_have_to_divide_the_width() -> None:
    with pytest.raises(ValueError, match="heads divide the width"):
        MAB(16, heads=3)
