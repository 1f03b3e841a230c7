import pytest
import torch

from femtobarn.nn.resnet_3d import ShowerResNet


@pytest.mark.parametrize("shape", [(45, 16, 9), (9, 10, 12)])
def test_every_parameter_gets_a_gradient_and_every_shower_a_score(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    model = ShowerResNet(shape, widths=(4, 6, 6, 8))
    x = torch.rand(3, 1 + shape[0] * shape[1] * shape[2])
    out = model(x)
    assert out.shape == (3, 1)
    torch.autograd.backward(out.square().sum())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_it_has_eighteen_layers_of_the_published_widths() -> None:
    model = ShowerResNet((45, 16, 9))
    convolutions = [
        m for m in model.modules() if isinstance(m, torch.nn.Conv3d) and m.kernel_size != (1, 1, 1)
    ]
    assert len(convolutions) + 1 == 18  # and the last linear one
    assert [c.out_channels for c in convolutions] == [32] * 5 + [64] * 8 + [128] * 4


def test_showers_do_not_see_each_other_once_trained() -> None:
    torch.manual_seed(1)
    model = ShowerResNet((9, 10, 12), 3, widths=(4, 4, 4, 4)).eval()
    x = torch.rand(5, 1 + 9 * 10 * 12)
    with torch.inference_mode():
        torch.testing.assert_close(model(x)[2:3], model(x[2:3]))
        moved = x.clone()
        moved[:, 0] += 1
        assert not torch.allclose(model(x), model(moved))
