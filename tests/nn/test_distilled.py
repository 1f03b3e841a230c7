"""Teachers and students: published sizes, shapes, targets, formats."""

import pytest
import torch
from torch import nn

from femtobarn.nn.distilled import (
    FORMATS,
    REGIONS,
    STUDENTS,
    ImageTeacher,
    RegionTeacher,
    fixed_point_students,
    region_target,
)
from femtobarn.nn.quantised import Quantiser, WeightQuantiser
from femtobarn.simulate.detector import regions


def _weights(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_sizes_are_those_published() -> None:
    assert _weights(ImageTeacher()) == 19_357
    assert _weights(RegionTeacher()) == 323_731
    sizes = {name: _weights(make()) for name, make in STUDENTS["images"].items()}
    assert sizes == {"A": 7177, "B": 2189, "C": 1057, "D": 409, "E": 225, "F": 133, "G": 77}
    # Of the 32 numbers of the batch normalisation 16 biases are left when it is folded.
    assert {name: _weights(make()) - 16 for name, make in STUDENTS["regions"].items()} == {
        "v1": 4064,
        "v2": 4080,
    }
    assert REGIONS == regions.REGIONS


def test_teachers_give_the_error_of_each_event() -> None:
    for teacher, shape in ((ImageTeacher(), (28, 28)), (RegionTeacher(), REGIONS)):
        x = torch.rand(3, *shape)
        errors = teacher(x)
        alone = torch.stack([teacher(each[None])[0] for each in x])
        torch.testing.assert_close(errors, alone, rtol=1e-4, atol=1e-5)
        errors.sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in teacher.parameters())


def test_the_regions_teacher_can_learn_from_any_seed() -> None:
    for seed in range(8):
        torch.manual_seed(seed)
        teacher = RegionTeacher()
        teacher(torch.poisson(torch.full((4, *REGIONS), 3.0))).mean().backward()
        assert any(p.grad.any() for p in teacher.encode.parameters() if p.grad is not None)


def test_target_of_regions_has_its_step_and_its_ends() -> None:
    errors = torch.tensor([0.0, 0.5, 1.0, 10.0, 1e9])
    target = region_target(errors)
    assert target[:3].tolist() == [0, 0, 0]
    assert float(target[3]) == pytest.approx(73.682, abs=1 / 256)
    assert float(target[4]) == 256 - 1 / 256
    assert (target * 256 == (target * 256).round()).all()


@pytest.mark.parametrize("name", list(FORMATS))
def test_published_steps_are_kept_in_training(name: str) -> None:
    torch.manual_seed(1)
    x = torch.poisson(torch.full((64, 1, *REGIONS), 3.0))
    net = fixed_point_students({name: STUDENTS["regions"][name]().eval()}, x, trained=False)[name]
    numbers = [m for m in net.modules() if isinstance(m, Quantiser | WeightQuantiser)]
    assert tuple(int(each.fraction.flatten()[0]) for each in numbers) == FORMATS[name]
    assert not any(each.fraction.requires_grad for each in numbers)
    free = fixed_point_students({"v1": STUDENTS["regions"]["v1"]().eval()}, x, trained=True)["v3"]
    assert all(m.fraction.requires_grad for m in free.modules() if isinstance(m, Quantiser | WeightQuantiser))
