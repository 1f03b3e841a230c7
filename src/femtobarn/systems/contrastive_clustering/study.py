"""What is trained on each stack: encoders by contrast, and one that then labels itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import torch

from femtobarn.data.image_stack import ImageStack, scaled, stabilised
from femtobarn.errors import InputError
from femtobarn.evaluation.image_stacks import training as lessons
from femtobarn.evaluation.image_stacks.clusters import image_clusters
from femtobarn.evaluation.image_stacks.embeddings import onto_each_other
from femtobarn.evaluation.image_stacks.training import Contrasting, SelfLabelling, Views
from femtobarn.nn import ClusterNetwork, ImageEncoder, Lite0Trunk, small_trunk
from femtobarn.parts import Report
from femtobarn.physics.registration import moved, shifts_onto
from femtobarn.study import Models, Trained
from femtobarn.systems.contrastive_clustering.data import OWN, Stacks, shift_of

Method = Literal["contrastive", "register, then contrastive", "contrastive, published views", "self-labelled"]
CONTRASTIVE: Final = "contrastive"
REGISTER: Final = "register, then contrastive"
PUBLISHED_VIEWS: Final = "contrastive, published views"
SELF: Final = "self-labelled"
_AGAIN = 100  # added to the seed of a second training on the first stack


@dataclass(frozen=True)
class Study:
    """What is trained, and how."""

    methods: tuple[Method, ...] = (CONTRASTIVE, REGISTER, PUBLISHED_VIEWS, SELF)
    """contrastive: of the images as they are. register: of images shifted onto each other, square roots under a blur.
    published views: blur, brightness and noise. self-labelled: the second of these, then trained on its own labels."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the trainings, each with a simulated stack of its own."""
    clusters: int = 0
    """Clusters of a stack; 0 for as many as known classes, or 20."""
    published_on: tuple[str, ...] = ("faint",)
    """Kinds of simulated stacks that the published views are tried on."""
    encoder: Literal["small", "Lite0"] = "small"
    """A small network that nobody trained before, or EfficientNet-Lite0 trained on ImageNet."""
    widths: tuple[int, ...] = (24, 48, 96, 128)
    """Channels of the small network."""
    projection: tuple[int, int] = (128, 64)
    """Widths of the projection that the loss compares."""
    shift: int = 3
    """Largest shift along each axis in pixels: of views of images as they are, and that registration looks for."""
    views: Views = field(default_factory=Views)
    contrast: Contrasting = field(default_factory=Contrasting)
    labelling: SelfLabelling = field(default_factory=SelfLabelling)
    device: str = "cpu"
    """Torch device of the trainings: cpu, cuda."""

    def __post_init__(self) -> None:
        if not self.methods or not self.seeds or self.clusters < 0 or self.clusters == 1 or self.shift < 0:
            raise InputError(f"expected a method, a seed, no or more than one cluster: got {self}")
        if SELF in self.methods and REGISTER not in self.methods:
            raise InputError(f"{SELF} needs {REGISTER} among the methods: got {self.methods}")

    def parts(self, kinds: Iterable[str]) -> list["Part"]:
        """All trainings, and for each kind one more on its first stack, to see how far two agree."""
        found = [
            Part(method, kind, seed, seed)
            for kind in kinds
            for seed in self.seeds
            for method in self.methods
            if method != PUBLISHED_VIEWS or kind in (*self.published_on, OWN)
        ]
        first = self.seeds[0]
        again = [
            part._replace(seed=_AGAIN + first)
            for part in found
            if part.draw == first and part.method == REGISTER
        ]
        return found + [part for part in again if part.kind != OWN]

    def clusters_of(self, stack: ImageStack) -> int:
        """Clusters that a stack is cut into."""
        return self.clusters or (20 if stack.label is None else len(np.unique(stack.label)))


class Part(NamedTuple):
    """One training on one stack."""

    method: str
    kind: str
    """Of the stack."""
    draw: int
    """Which stack of its kind."""
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``register-then-contrastive-faint-stack1-seed1``."""
        return f"{self.method} {self.kind} stack{self.draw} seed{self.seed}".replace(",", "").replace(
            " ", "-"
        )

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"embedding": self.method, "stack": self.kind}


def build(part: Part, settings: Study, kept: Mapping[str, Any]) -> ImageEncoder | ClusterNetwork:
    """The untrained network; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    inside = kept["inside"]
    groups = 8 if kept["images"] < 64 else 0  # too few for the statistics of a batch
    trunk = (
        Lite0Trunk()
        if settings.encoder == "Lite0"
        else small_trunk(*inside.shape, widths=settings.widths, groups=groups)
    )
    own = part.method in (REGISTER, SELF)
    encoder = ImageEncoder(inside, trunk, stabilise=own, projection=settings.projection)
    return ClusterNetwork(encoder, kept["clusters"]) if part.method == SELF else encoder


def _needs(part: Part) -> list[Part]:
    return [part._replace(method=REGISTER)] if part.method == SELF else []


MODELS = Models(Part, lambda _: Study, build, _needs)


def prepared(part: Part, stack: ImageStack, study: Study) -> np.ndarray:
    """The images that a method learns from, from 0 to 1."""
    shift = shift_of(part.kind, study.shift)
    used = onto_each_other(stack, shift) if part.method in (REGISTER, SELF) else stack
    return scaled(used.counts, used.inside)


def train_one(study: Study, stacks: Stacks, work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one part on its stack."""
    stack = stacks.of[part.kind][part.draw]
    images = prepared(part, stack, study)
    kept: dict[str, Any] = {
        "inside": torch.from_numpy(stack.inside), "images": len(stack), "clusters": study.clusters_of(stack),
    }  # fmt: skip
    model, views, batch = build(part, study, kept), _views(study, part), study.contrast.batch
    inside = kept["inside"].to(study.device)
    if isinstance(model, ClusterNetwork):
        model.encoder.load_state_dict(MODELS.load(work / _needs(part)[0].name).model.state_dict())
        cluster = image_clusters(lessons.embed(model.encoder, images), kept["clusters"])
        weak, strong = (views.of(each, inside) for each in ("weak", "strong"))
        history = lessons.self_label(
            model.encoder, model.head, images, cluster, weak, strong, study.labelling, batch=batch, seed=part.seed,
            device=study.device, report=report,
        )  # fmt: skip
        kept["references"] = _means(onto_each_other(stack, shift_of(part.kind, study.shift)), cluster)
    else:
        view = views.of("medium", inside)
        history = lessons.contrast(
            model, images, view, study.contrast, seed=part.seed, device=study.device, report=report
        )
    return Trained(part, model, history, history[-1]["train"], kept)


def new_images(trained: Trained[Part], counts: np.ndarray, study: Study) -> np.ndarray:
    """Images that were not in the stack, shifted onto its cluster means, as the self-labelled network sees them."""
    inside, references = trained.kept["inside"].numpy(), trained.kept["references"].numpy()
    largest = shift_of(trained.part.kind, study.shift)
    by = shifts_onto(references, stabilised(counts, inside), largest=largest)
    return scaled(moved(counts, by), inside)


def _views(study: Study, part: Part) -> Views:
    """Images as they are may lie anywhere within the shift; registered ones are off by a pixel at most."""
    largest = shift_of(part.kind, study.shift)
    rolled = replace(study.views.counting, shift=largest if part.method == CONTRASTIVE else min(1, largest))
    return Views("published" if part.method == PUBLISHED_VIEWS else study.views.kind, rolled)


def _means(stack: ImageStack, cluster: np.ndarray) -> torch.Tensor:
    images = stabilised(stack.counts, stack.inside)
    return torch.from_numpy(np.stack([images[cluster == each].mean(axis=0) for each in np.unique(cluster)]))
