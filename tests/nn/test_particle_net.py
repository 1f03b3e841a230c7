import pytest
import torch
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.nn.particle_net import EdgeConvolution, ParticleNet, nearest


def net(**settings) -> ParticleNet:
    torch.manual_seed(0)
    return ParticleNet(
        **({"features": 4, "classes": 3, "neighbours": 3, "widths": (5, 6), "hidden": 7} | settings)
    )


def cloud(particles: int = 6) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    mask = torch.arange(particles) < torch.tensor([[particles], [4], [2], [1], [0]])
    return torch.randn(5, particles, 4), mask


def test_neighbours_are_the_nearest_others() -> None:
    x, mask = cloud()
    index, real = nearest(x, mask, 3)
    for jet in range(5):
        for i in range(6):
            others = [j for j in range(6) if j != i and mask[jet, j]]
            others.sort(key=lambda j: float((x[jet, i] - x[jet, j]).norm()))
            found = index[jet, i][real[jet, i]].tolist()
            assert found == (others[:3] if mask[jet, i] else [])


def test_edge_convolution_is_the_mean_over_the_edges() -> None:
    """From its definition, edge by edge."""
    torch.manual_seed(2)
    layer, x = EdgeConvolution(4, 5).eval(), cloud()[0]
    mask = torch.ones(5, 6, dtype=torch.bool)
    index, real = nearest(x, mask, 3)
    jet = torch.arange(5)[:, None, None]
    centre = x[:, :, None].expand(-1, -1, 3, -1)
    edges = torch.cat((centre, x[jet, index] - centre), dim=-1)
    expected = layer.edge(edges.reshape(-1, 8)).reshape(5, 6, 3, 5).mean(dim=2)
    torch.testing.assert_close(layer(x, index, real), expected)


@pytest.mark.parametrize("training", [True, False])
def test_order_and_padding_do_not_matter(training: bool) -> None:
    model, (x, mask) = net(dropout=0.0).train(training), cloud()
    order = torch.randperm(6)
    expected = model(x, mask)
    torch.testing.assert_close(model(x[:, order], mask[:, order]), expected)
    wide = torch.cat((x.masked_fill(~mask[..., None], 1e6), torch.full((5, 3, 4), torch.nan)), dim=1)
    torch.testing.assert_close(model(wide, torch.nn.functional.pad(mask, (0, 3))), expected)
    assert torch.isfinite(expected).all()


def test_without_a_mask_all_places_count() -> None:
    model, (x, _) = net().eval(), cloud()
    torch.testing.assert_close(model(x), model(x, torch.ones(5, 6, dtype=torch.bool)))
    torch.testing.assert_close(model.activations(x), model.activations(x, torch.ones(5, 6, dtype=torch.bool)))
    assert model(x).shape == (5, 3)
    assert model.activations(x).shape == (5, 7)


def test_first_neighbours_are_sought_in_the_coordinates_only() -> None:
    x = cloud()[0]
    seen = net(widths=(5,)).eval()
    moved = x.clone()
    moved[0, 0, :2] += 100  # far from all: its neighbours, and those of others, change
    assert not torch.allclose(seen(x)[0], seen(moved)[0])
    index = nearest(x[..., :2], torch.ones(5, 6, dtype=torch.bool), 3)[0]
    x[..., 2:] *= 7
    assert torch.equal(nearest(x[..., :2], torch.ones(5, 6, dtype=torch.bool), 3)[0], index)


def test_gradients_reach_every_parameter_and_state_is_saved() -> None:
    model, (x, mask) = net(), cloud()
    model(x, mask).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    moving = [name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert any(name.startswith("convolutions.0.edge.0.weight") for name in moving)
    copy = net()
    copy.load_state_dict(model.state_dict())
    torch.testing.assert_close(copy.eval()(x, mask), model.eval()(x, mask))


def test_published_size() -> None:
    assert sum(p.numel() for p in ParticleNet(3, 5).parameters()) == 410_437
    with pytest.raises(InputError, match="two particles"):
        net()(torch.zeros(1, 1, 4))
