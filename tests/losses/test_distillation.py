"""The distillation loss at its ends, where it is known, and for small logits."""

import pytest
import torch
from scipy.stats import entropy
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.losses import distillation_loss, soft_loss


def logits(seed: int, classes: int = 3, size: float = 2.0) -> Tensor:
    return size * torch.randn(40, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_soft_loss_is_the_divergence() -> None:
    a, b = logits(0), logits(1)
    expected = entropy(a.softmax(-1).numpy(), b.softmax(-1).numpy(), axis=-1).mean()
    assert float(soft_loss(b, a)) == pytest.approx(expected, rel=1e-12)
    cool = entropy((a / 3).softmax(-1).numpy(), (b / 3).softmax(-1).numpy(), axis=-1).mean()
    assert float(soft_loss(b, a, temperature=3)) == pytest.approx(9 * cool, rel=1e-12)
    shifted = soft_loss(b + 7, a - 100)
    torch.testing.assert_close(shifted, soft_loss(b, a))


def test_a_perfect_copy_has_no_loss_and_no_gradient() -> None:
    teacher = logits(2)
    student = teacher.clone().requires_grad_()
    loss = distillation_loss(student, teacher, weight=1.0, temperature=2.0)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-14)
    assert student.grad is not None
    assert student.grad.abs().max() < 1e-14


def test_no_gradient_reaches_the_teacher() -> None:
    teacher, student = logits(3).requires_grad_(), logits(4).requires_grad_()
    soft_loss(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad is not None


@pytest.mark.parametrize(("classes", "close"), [(2, 0.01), (5, 0.06)])
def test_small_logits_make_the_gradient_free_of_the_temperature(classes: int, close: float) -> None:
    """T^2 is there for this: to first order the gradient is the difference of centred logits.

    With two classes the next order vanishes.
    """
    teacher, student = (logits(seed, classes).clamp(-1, 1) * 0.1 for seed in (5, 6))
    gradients = []
    for temperature in (1.0, 3.0, 10.0):
        leaf = student.clone().requires_grad_()
        soft_loss(leaf, teacher, temperature=temperature).backward()
        gradients.append(leaf.grad)
    for gradient in gradients[:2]:
        assert (gradient - gradients[2]).norm() < close * gradients[2].norm()
    difference = (student - student.mean(-1, keepdim=True)) - (teacher - teacher.mean(-1, keepdim=True))
    expected = difference / classes / 40
    assert (gradients[2] - expected).norm() < close * expected.norm()


def test_two_classes_are_the_binary_cross_entropy_of_the_difference() -> None:
    student, label = logits(7, 2), torch.arange(40) % 2
    expected = F.binary_cross_entropy_with_logits(student[:, 1] - student[:, 0], label.double())
    torch.testing.assert_close(distillation_loss(student, label=label, weight=0.0), expected)


def test_weight_mixes_and_smoothing_spreads() -> None:
    student, teacher, label = logits(8, 2), logits(9, 2), torch.arange(40) % 2
    hard, soft = distillation_loss(student, label=label, weight=0.0), soft_loss(student, teacher)
    mixed = distillation_loss(student, teacher, label, weight=0.7)
    torch.testing.assert_close(mixed, 0.3 * hard + 0.7 * soft)
    target = 0.9 * F.one_hot(label, 2).double() + 0.05
    expected = -(target * student.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(distillation_loss(student, label=label, weight=0.0, smoothing=0.1), expected)


def test_weight_zero_is_plain_training_step_by_step() -> None:
    x, label, teacher = torch.randn(64, 5), torch.arange(64) % 2, torch.randn(64, 2)
    paths = []
    for weight in (None, 0.0):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
        optimiser = torch.optim.AdamW(net.parameters(), lr=0.01)
        for _ in range(20):
            optimiser.zero_grad()
            if weight is None:
                loss = F.cross_entropy(net(x), label)
            else:
                loss = distillation_loss(net(x), teacher, label, weight=weight)
            loss.backward()
            optimiser.step()
        paths.append(torch.cat([w.detach().flatten() for w in net.parameters()]))
    assert torch.equal(*paths)


def test_far_out_logits_stay_finite() -> None:
    student = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = soft_loss(student, torch.tensor([[-1e4, 1e4]]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(2e4)
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_mistakes_are_told() -> None:
    student = logits(0, 2)
    with pytest.raises(InputError, match="weight"):
        distillation_loss(student, student, weight=1.5)
    with pytest.raises(InputError, match="labels are needed"):
        distillation_loss(student, student, weight=0.5)
    with pytest.raises(InputError, match="logits of the teacher are needed"):
        distillation_loss(student, label=torch.zeros(40, dtype=torch.long), weight=0.5)
    with pytest.raises(InputError, match="temperature"):
        soft_loss(student, student, temperature=0.0)
    with pytest.raises(InputError, match="one logit of the teacher"):
        soft_loss(student, logits(0, 2)[:1].expand(3, 2))
