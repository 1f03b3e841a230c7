"""Every embedding of every stack: clusters, tables and figures."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from femtobarn.data.image_stack import ImageStack, stabilised
from femtobarn.errors import MissingExtraError
from femtobarn.evaluation import stack_tables as tables
from femtobarn.evaluation.contrastive_images import confident, embed
from femtobarn.evaluation.image_clusters import image_clusters
from femtobarn.evaluation.network_costs import network_costs
from femtobarn.evaluation.stack_embeddings import PIXELS, REGISTERED, STABILISED, training_free
from femtobarn.evaluation.stack_tables import Clustered
from femtobarn.nn import ClusterNetwork
from femtobarn.physics.registration import registered
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_training, grouped, row
from femtobarn.systems.contrastive_clustering.data import OWN, Stacks
from femtobarn.systems.contrastive_clustering.study import REGISTER, SELF, Part, Study, prepared


def results(run: Run, study: Study, stacks: Stacks, trained: Sequence[Trained[Part]]) -> list[Result]:
    """All tables and figures."""
    found = [each for kind, drawn in stacks.of.items() for each in _untrained(run, study, kind, drawn)]
    learned = {each.part: _clustered(each, stacks, study) for each in trained}
    found += [one for part, one in learned.items() if part.seed in study.seeds]
    truth = {
        (kind, draw): stack.label
        for kind, drawn in stacks.of.items()
        for draw, stack in drawn.items()
        if stack.label is not None
    }
    for kind in stacks.of:
        tables.draw_ranking(run, found, truth, kind)
        run.log(event="note", note=f"{kind}: {tables.verdict(found, truth, kind)}")
    _draw(run, study, stacks, trained, learned)
    rows = tables.agreement_table(found, truth)
    rows += tables.gain_table(found, truth, over=(PIXELS, STABILISED, REGISTERED))
    rows += tables.confidence_table(found, truth)
    rows += tables.stability_table(list(_pairs(learned)))
    rows += [each for kind, drawn in stacks.of.items() for each in _about(kind, drawn, study.shift)]
    networks = {each.part.method: each.model for each in trained}
    example = prepared("", next(iter(next(iter(stacks.of.values())).values())).take(np.arange(1)), 0)
    return by_name(rows + network_costs(networks, (_tensor(example),), calls=0, what="image"))


def _untrained(run: Run, study: Study, kind: str, drawn: dict[int, ImageStack]) -> Iterator[Clustered]:
    """What needs no training; of a user's stack, which is the same for all seeds, once."""
    for draw, stack in list(drawn.items())[: 1 if kind == OWN else None]:
        for name, embedding in training_free(largest=study.shift, seed=draw).items():
            try:
                rows = embedding(stack)
            except MissingExtraError as error:
                run.log(event="note", note=f"{name} is left out: {error}")
                continue
            yield Clustered(
                name, (kind, draw), image_clusters(rows.reshape(len(stack), -1), study.clusters_of(stack))
            )


def _clustered(trained: Trained[Part], stacks: Stacks, study: Study) -> Clustered:
    part, model = trained.part, trained.model
    stack = stacks.of[part.kind][part.draw]
    images, confidence = prepared(part.method, stack, study.shift), None
    if isinstance(model, ClusterNetwork):
        cluster, confidence = confident(model.encoder, model.head, images)
    else:
        cluster = image_clusters(embed(model, images), study.clusters_of(stack))
    return Clustered(part.method, (part.kind, part.draw), cluster, True, part.seed, confidence)


def _pairs(learned: dict[Part, Clustered]) -> Iterator[tuple[Clustered, Clustered]]:
    """Trainings of one embedding on the same images with different seeds."""
    for group in grouped(
        learned, lambda part: (part.method, part.kind, part.kind == OWN or part.draw)
    ).values():
        for one, two in itertools.pairwise(group):
            yield learned[one], learned[two]


def _about(kind: str, drawn: dict[int, ImageStack], shift: int) -> Iterator[Result]:
    """Images that nearly equal others, and how well known shifts are found."""
    same = [float((tables.duplicates(stack) != np.arange(len(stack))).sum()) for stack in drawn.values()]
    size = len(next(iter(drawn.values())))
    yield row(
        "images that nearly equal another", [(n, 0.0) for n in same], {"stack": kind}, n=size, split="stack"
    )
    if not shift or not any(stack.shift is not None and stack.shift.any() for stack in drawn.values()):
        return
    shares = np.array([_recovered(stack, shift) for stack in drawn.values()])
    for within, values in zip(("0 px", "1 px"), shares.T.tolist(), strict=True):
        labels = {"stack": kind, "within": within}
        yield row("shifts found", [(v, 0.0) for v in values], labels, n=size, split="stack")


def _recovered(stack: ImageStack, largest: int) -> tuple[float, float]:
    """Share of images with 1000 counts or more whose shift is right to 0 and 1 pixel, but for one shift of each class.

    The mean place of a class is not defined: two patterns have no common origin.
    """
    assert stack.shift is not None
    assert stack.label is not None
    left = registered(stabilised(stack.counts, stack.inside), largest=largest).shift + stack.shift
    for name in np.unique(stack.label):
        own = stack.label == name
        values, count = np.unique(left[own], axis=0, return_counts=True)
        left[own] -= values[count.argmax()]
    off = np.abs(left).max(axis=1)[stack.counts.sum(axis=(1, 2)) >= 1000]
    return (float((off == 0).mean()), float((off <= 1).mean())) if len(off) else (np.nan, np.nan)


def _draw(
    run: Run, study: Study, stacks: Stacks, trained: Sequence[Trained[Part]], learned: dict[Part, Clustered]
) -> None:
    """Clusters of the last kind of stack, and losses of the first trainings."""
    wanted = SELF if SELF in study.methods else study.methods[0]
    last = [part for part in learned if part.method == wanted and part.seed == study.seeds[0]][-1]
    stack = stacks.of[last.kind][last.draw]
    tables.draw_clusters(run, stack, learned[last], title=f"Clusters of {last.kind} images, {wanted}")
    shown = [each for each in trained if each.part.seed == study.seeds[0] and each.part.method == REGISTER]
    draw_training(
        run, shown or trained[:1], column="train", ylabel="contrastive loss",
        caption="Mean over the batches of an epoch, of the stack that is clustered.", legend={},
    )  # fmt: skip


def _tensor(images: np.ndarray):
    import torch

    return torch.from_numpy(images)
