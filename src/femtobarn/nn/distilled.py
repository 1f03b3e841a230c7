"""Autoencoders that give anomaly scores, and the small students that learn these from the input alone.

Sizes of arXiv:2310.06047 (images) and of its trigger application CICADA (calorimeter regions).
"""

import functools
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.nn.quantised import BitTrue, Quantiser, WeightQuantiser, quantise

Task = Literal["regions", "images"]
Batch = Mapping[str, Tensor]
TEACHER_LEARNS = ("teacher", "co-learning", "exposure", "noise")  #: ways of teaching
SHOWN_FOREIGN = ("exposure", "late exposure", "published bits", "trained bits")  #: those with foreign inputs
NOISE = 0.1  #: standard deviation of the noise that students are shown, relative to the largest input
LEAK = 0.3  #: slope below zero of the networks of images, as published
REGIONS = (18, 14)  #: phi and eta of the calorimeter regions of a level-1 trigger
STEP, LARGEST = 1 / 256, 256.0  #: of the scores of regions: unsigned numbers of 16 bits, 8 of them integer


class RegionTeacher(nn.Module):
    """Convolutional autoencoder of 18 x 14 regions (CICADA's; 323,731 weights as published)."""

    def __init__(self, *, filters: tuple[int, int] = (20, 30), latent: int = 80) -> None:
        super().__init__()
        few, many = filters
        rows, columns = (side // 2 for side in REGIONS)
        inner = many * rows * columns
        self.encode = nn.Sequential(
            nn.Conv2d(1, few, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
            nn.Conv2d(few, many, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(inner, latent), nn.ReLU(),
        )  # fmt: skip
        self.decode = nn.Sequential(
            nn.Linear(latent, inner), nn.ReLU(), nn.Unflatten(1, (many, rows, columns)),
            nn.Conv2d(many, many, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(many, few, 3, padding=1), nn.ReLU(), last := nn.Conv2d(few, 1, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        if last.bias is not None:
            nn.init.ones_(last.bias)  # from 0 the last ReLU may be dead, and nothing is ever learned

    def forward(self, x: Float[Tensor, "event 18 14"]) -> Float[Tensor, "event"]:
        """Mean squared error of what comes out, in counts squared."""
        return (self.decode(self.encode(x.unsqueeze(1))).squeeze(1) - x).square().mean(dim=(1, 2))


class ImageTeacher(nn.Module):
    """Convolutional autoencoder of 28 x 28 images (19,357 weights as published)."""

    def __init__(self, *, latent: int = 20) -> None:
        super().__init__()
        self.encode = nn.Sequential(*_convolutions((1, 8, 16, 16, 16, 8), late=2), nn.Linear(128, latent))
        raised = [
            nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
            for inputs, outputs in pairwise((8, 16, 16, 16))
        ]
        self.decode = nn.Sequential(
            nn.Linear(latent, 128), nn.LeakyReLU(LEAK), nn.Unflatten(1, (8, 4, 4)),
            *(layer for each in raised for layer in (each, nn.LeakyReLU(LEAK))),
            nn.Conv2d(16, 8, 3), nn.LeakyReLU(LEAK), nn.Conv2d(8, 1, 3), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "event 28 28"]) -> Float[Tensor, "event"]:
        """Mean squared error of what comes out."""
        return (self.decode(self.encode(x.unsqueeze(1))).squeeze(1) - x).square().mean(dim=(1, 2))


def region_target(error: Float[Tensor, "event"]) -> Float[Tensor, "event"]:
    """32 ln(error), cut to steps of 1/256 in [0, 256): the score that students of regions learn."""
    score = 32 * error.clamp(min=1e-30).log()
    return (score / STEP).floor().mul(STEP).clamp(0, LARGEST - STEP)


TARGETS: dict[Task, Callable[[Tensor], Tensor]] = {"regions": region_target, "images": torch.log1p}


def anomaly_teacher(task: Task) -> nn.Module:
    """The untrained autoencoder of a task."""
    return RegionTeacher() if task == "regions" else ImageTeacher()


def _convolutions(channels: tuple[int, ...], *, late: int) -> list[nn.Module]:
    """3 x 3 convolutions without padding; the last `late` of them with stride 2, then a flat row of numbers."""
    layers: list[nn.Module] = []
    pairs = list(pairwise(channels))
    for index, (inputs, outputs) in enumerate(pairs):
        stride = 2 if index >= len(pairs) - late else 1
        layers += [nn.Conv2d(inputs, outputs, 3, stride=stride), nn.LeakyReLU(LEAK)]
    return [*layers, nn.Flatten()]


def _pooled(first: int, second: int) -> nn.Sequential:
    """Students D to G: convolution, pooling, convolution with stride 2, pooling, one linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, first, 3), nn.LeakyReLU(LEAK), nn.AvgPool2d(2),
        nn.Conv2d(first, second, 3, stride=2), nn.LeakyReLU(LEAK), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(9 * second, 1),
    )  # fmt: skip


def _c() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.LeakyReLU(LEAK), nn.AvgPool2d(2), nn.Conv2d(8, 8, 3), nn.LeakyReLU(LEAK),
        nn.Conv2d(8, 4, 3, stride=2), nn.LeakyReLU(LEAK), nn.Flatten(), nn.Linear(100, 1),
    )  # fmt: skip


def _v1() -> nn.Sequential:
    norm, last = nn.BatchNorm1d(16), nn.Linear(16, 1, bias=False)
    # Scores are near 100: from weights near 0 an L1 loss would take thousands of steps to get there, and from
    # negative ones the last ReLU never answers.
    nn.init.constant_(norm.weight, 4.0)
    nn.init.uniform_(last.weight, 2.0, 6.0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(252, 16, bias=False), norm, nn.ReLU(), nn.Dropout(1 / 8), last, nn.ReLU()
    )


def _v2() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 2, stride=2, bias=False), nn.ReLU(), nn.Dropout(1 / 9), *_v1(),
    )  # fmt: skip


#: Untrained students by name: of images as published (7,177 to 77 weights), of regions CICADA's two.
STUDENTS: dict[Task, dict[str, Callable[[], nn.Sequential]]] = {
    "images": {
        "A": lambda: nn.Sequential(*_convolutions((1, 8, 16, 16, 16, 8), late=2), nn.Linear(128, 1)),
        "B": lambda: nn.Sequential(*_convolutions((1, 8, 8, 8, 8, 4), late=2), nn.Linear(64, 1)),
        "C": _c,
        "D": lambda: _pooled(4, 8),
        "E": lambda: _pooled(4, 4),
        "F": lambda: _pooled(2, 4),
        "G": lambda: _pooled(2, 2),
    },
    "regions": {"v1": _v1, "v2": _v2},
}
#: Fractional bits of the published formats in the order of the layers: inputs, kernel, bias ...
FORMATS = {"v1": (0, 6, 4, 4, 8, 0), "v2": (0, 8, 4, 6, 4, 4, 8)}


class Committee(nn.Module):
    """A teacher and its students; each student is a network of its own, trained on the same batches."""

    def __init__(self, task: Task, students: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.target: Callable[[Tensor], Tensor] = TARGETS[task]
        self.teacher = anomaly_teacher(task)
        self.students = nn.ModuleDict(students)

    @torch.no_grad()
    def scores(
        self, name: str, x: Float[Tensor, "event row column"], *, at_once: int = 1000
    ) -> Float[Tensor, "event"]:
        """The score of a student, or of the "teacher" as students learn it, for many events."""
        score = self._teacher_score if name == "teacher" else functools.partial(self._student_score, name)
        return torch.cat([score(piece) for piece in torch.split(x, at_once)])

    def errors(
        self, x: Float[Tensor, "event row column"], target: Float[Tensor, "event"] | None = None
    ) -> Float[Tensor, ""]:
        """Mean absolute errors of the students, added up; `target` are the teacher's scores, if they are known."""
        if target is None:
            with torch.no_grad():
                target = self._teacher_score(x)
        errors = [(self._student_score(name, x) - target).abs().mean() for name in self.students]
        return torch.stack(errors).sum()

    def _teacher_score(self, x: Tensor) -> Tensor:
        return self.target(self.teacher(x))

    def _student_score(self, name: str, x: Tensor) -> Tensor:
        score: Tensor = self.students[name](x.unsqueeze(1)).squeeze(1)
        return score


def teacher_loss(model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    """Mean squared error of the teacher of a committee on `batch["x"]`."""
    loss: Tensor = model.teacher(batch["x"]).mean()  # type: ignore[operator]
    return loss


def student_loss(
    model: nn.Module, batch: Batch, *, foreign: bool = False, noisy: bool = False
) -> Float[Tensor, ""]:
    """Mean absolute errors of the students on `batch["x"]`, and on the foreign inputs beside them.

    Args:
        model: A `Committee`.
        batch: `x` and `foreign`; the teacher's scores of these as `x_target` and `foreign_target`, if they are known.
        foreign: Foreign inputs are shown, too (outlier exposure).
        noisy: Students see only noisy inputs, and the teacher scores these.
    """
    assert isinstance(model, Committee)
    if noisy:
        largest = batch["x"].amax()
        shifted = batch["x"] + NOISE * largest * torch.randn_like(batch["x"])
        total = model.errors(shifted.clamp(min=torch.zeros(()), max=largest))
    else:
        total = model.errors(batch["x"], batch.get("x_target"))
    return total + model.errors(batch["foreign"], batch.get("foreign_target")) if foreign else total


def lesson(mode: str) -> Callable[[nn.Module, Batch], Tensor]:
    """The loss of a way of teaching: that of the teacher, where it learns, and that of the students.

    Args:
        mode: "teacher" alone; "baseline", by the finished teacher on `batch["x"]`; "late exposure", on foreign inputs,
            too, as in "published bits" and "trained bits"; "co-learning", "exposure" and "noise", while it learns.

    Raises:
        InputError: No such way.
    """
    if mode not in (*TEACHER_LEARNS, *SHOWN_FOREIGN, "baseline"):
        raise InputError(f"there is no way of teaching {mode!r}")

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        if mode == "teacher":
            return teacher_loss(model, batch)
        learned = student_loss(model, batch, foreign=mode in SHOWN_FOREIGN, noisy=mode == "noise")
        return learned + teacher_loss(model, batch) if mode in TEACHER_LEARNS else learned

    return loss


def validation_error(model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    """Mean absolute error of a student on normal and foreign inputs, the mean over students."""
    assert isinstance(model, Committee)
    return student_loss(model, batch, foreign=True) / (2 * len(model.students))


def fixed_point_students(
    students: Mapping[str, nn.Module], example: Float[Tensor, "event 1 18 14"], *, trained: bool
) -> dict[str, nn.Module]:
    """Students of regions in fixed point, to be trained on.

    Args:
        students: In floating point, by name.
        example: Ranges of all tensors are those of the example and of the weights; larger numbers saturate.
        trained: One network, v3: v1 with bits of its own for every number, to be trained with their price. Otherwise
            each student with the steps of CICADA (`FORMATS`).
    """
    if trained:
        net = _without_dropout(students["v1"])
        return {"v3": BitTrue(quantise(net, example, fraction=4.0, weight_fraction=6.0, overflow="SAT"))}
    return {name: BitTrue(_published(student, name, example)) for name, student in students.items()}


def _published(student: nn.Module, name: str, example: Tensor) -> nn.Module:
    net = quantise(
        _without_dropout(student),
        example,
        granularity="tensor",
        weight_granularity="tensor",
        overflow="SAT",
        weight_overflow="SAT_SYM",
        trainable=False,
    )
    numbers = [m for m in net.modules() if isinstance(m, Quantiser | WeightQuantiser)]
    with torch.no_grad():
        for each, step in zip(numbers, FORMATS[name], strict=True):
            each.fraction.fill_(float(step))
    return net


def _without_dropout(student: nn.Module) -> nn.Sequential:
    return nn.Sequential(*(layer for layer in student.children() if not isinstance(layer, nn.Dropout)))
